"""How much a call could do, as far as can be told from the outside."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class Risk(IntEnum):
    """In order; on the wire its name in small letters."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2


class Note(NamedTuple):
    """One reason for a risk, in a few words for people."""

    risk: Risk
    text: str
