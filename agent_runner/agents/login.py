"""How it is found out, without a call of a model, whether a CLI is logged in. No I/O.

An adapter describes the check, and `doctor` carries it out. Presence only: a key that is there
may still be wrong, and the first run then says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

LoginState = tuple[bool | None, str]
"""Logged in or not, None if that cannot be told; and in words how, or why not."""


class LoginCommand(NamedTuple):
    """A command of the CLI that prints JSON.

    `read` gets its exit code and the object that it printed, {} if it was no object.
    """

    arguments: tuple[str, ...]
    read: Callable[[int | None, dict[str, Any]], LoginState]


class Kept(Protocol):
    """What a CLI keeps on this machine."""

    @property
    def env(self) -> Mapping[str, str]:
        """The environment that the CLI gets."""
        ...

    def home(self, variable: str) -> Path:
        """The folder that `variable` names, or the user's home folder."""
        ...

    def json(self, path: Path) -> dict[str, Any]:
        """The object in a file; {} if there is none."""
        ...

    def has(self, path: Path) -> bool:
        """True if there is such a file."""
        ...


class LoginFiles(NamedTuple):
    """Files and variables of the CLI, which `read` looks at."""

    read: Callable[[Kept], LoginState]


LoginCheck = LoginCommand | LoginFiles
