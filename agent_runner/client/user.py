"""Who gives a command."""

from __future__ import annotations

import getpass
import os


def user_name() -> str:
    """The user's name; one that the system has no name for by number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
