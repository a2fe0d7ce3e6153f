"""The user's home folder, for whom there is one."""

from __future__ import annotations

import os
import pwd
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
