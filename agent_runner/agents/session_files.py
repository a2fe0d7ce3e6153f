"""What has to be done to the files of a session before a process resumes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple


class SessionFiles(NamedTuple):
    """The files of a session, by glob patterns, and what they have to be called.

    `other_names` gets a file's name and the time in UTC. It yields the names that the file may
    have instead, the best first; none if it may keep its own.
    """

    patterns: list[str]
    other_names: Callable[[str, datetime], Iterator[str]]
