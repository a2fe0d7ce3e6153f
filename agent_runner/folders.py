"""Folders: the one that a path is meant from, and those that others have filled."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path


def absolute(path: str | Path, base: Path | None = None) -> Path:
    """`path` from the root, as whoever wrote it meant it: from `base`, or the present folder.

    A leading `~` is a home; `..` goes up from where a link leads to. ValueError says why it
    cannot be.
    """
    text = os.fspath(path)
    if not text.strip() or "\0" in text:
        raise ValueError("an empty path names no folder" if not text.strip() else "a path has NUL")
    try:
        whole = os.path.join(base or "", Path(text).expanduser())
        if not os.path.isabs(whole):
            whole = os.path.join(os.getcwd(), whole)
        climbs = os.pardir in whole.split(os.sep)
        return Path(os.path.realpath(whole) if climbs else os.path.normpath(whole))
    except (OSError, RuntimeError) as error:  # no such user, no present folder
        raise ValueError(f"{text}: {error}") from error


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
