"""The user's home folder, for whom there is one."""

from __future__ import annotations

import os
import pwd
from contextlib import suppress
from pathlib import Path


def home() -> Path | None:
    """What HOME names, else what the system knows; None if a bare uid has neither."""
    if named := os.environ.get("HOME"):
        return Path(named)
    try:
        known = pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return None
    return Path(known) if known else None


def settle() -> None:
    """Make a relative HOME absolute, once and at the start.

    Programs that are started in another folder would look for another one there.
    """
    named = os.environ.get("HOME", "")
    if named and not os.path.isabs(named):
        with suppress(FileNotFoundError):  # the folder it was started in is gone
            os.environ["HOME"] = os.path.abspath(named)
