"""What to do when the system does not let us have a file or a folder."""

from __future__ import annotations

import errno
import os
import pwd
import stat
from pathlib import Path


def remedy(error: OSError) -> str | None:
    """A hint for whoever started the program; None if there is nothing to add."""
    if error.errno == errno.EROFS:
        return "it is on a read-only file system: choose another folder"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "free some space on its disk"
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return "a part of the path is a file: choose another one"
    if error.errno not in (errno.EACCES, errno.EPERM) or not isinstance(error.filename, str):
        return None
    place = Path(error.filename)
    while True:
        try:
            found = place.stat()
            break
        except OSError:
            if place == place.parent:
                return None
            place = place.parent
    rights = stat.filemode(found.st_mode)
    return (
        f"{place} belongs to {_name(found.st_uid)} ({rights}), and this is {_name(os.geteuid())}: "
        "become its owner, change its rights, or choose another folder"
    )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
