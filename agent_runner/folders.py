"""Folders that others have filled."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path


def remove(folder: Path) -> None:
    """Remove a folder, however deep and whatever its modes are; what cannot be removed stays."""
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        with suppress(OSError):
            here.chmod(0o700)
            for entry in list(os.scandir(here)):
                with suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        # To the top, so that no path becomes longer than one may be.
                        top = folder / secrets.token_hex(8)
                        os.chmod(entry.path, 0o700)
                        os.rename(entry.path, top)
                        waiting.append(top)
                    else:
                        os.unlink(entry.path)
        if here != folder:
            with suppress(OSError):
                here.rmdir()
    with suppress(OSError):
        folder.rmdir()
