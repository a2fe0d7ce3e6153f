"""What the doctor found, as values."""

from __future__ import annotations

from typing import Literal

import msgspec

Status = Literal["ok", "warning", "missing"]


class HostFinding(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One thing looked at; `fix` is the exact line that mends it."""

    name: str
    status: Status
    detail: str
    fix: str | None = None


class CliFinding(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One agent CLI. `logged_in` None means that it could not be told without a paid call.

    `recorded` is the newest version that what is known of it was recorded from; `newer` says that
    the one that is installed came after it.
    """

    type: str
    title: str
    path: str | None
    version: str | None
    recorded: str | None
    newer: bool
    logged_in: bool | None
    login: str
    fix: str | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The whole examination."""

    machine: list[HostFinding]
    clis: list[CliFinding]
