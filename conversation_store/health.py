"""What a store can do now, for those who tell it or act on it."""

from __future__ import annotations

from pathlib import Path

import anyio
import msgspec

from conversation_store.errors import (
    StoreCorruptError,
    StoreFencedError,
    StoreFullError,
    StoreLockedError,
    StoreUnusableError,
    StoreUnwritableError,
)
from conversation_store.states import StoreState

FINAL = frozenset({StoreState.CORRUPT, StoreState.FENCED})


class Fault(msgspec.Struct, frozen=True):
    """A state other than `ok`, and what the database said."""

    state: StoreState
    detail: str

    @property
    def final(self) -> bool:
        """True if waiting does not help."""
        return self.state in FINAL

    def error(self) -> StoreUnusableError:
        """The error for whoever wanted something of the store."""
        match self.state:
            case StoreState.FULL:
                return StoreFullError("disk_full", f"the disk is full ({self.detail})")
            case StoreState.LOCKED:
                return StoreLockedError(
                    "database_locked", f"another program holds the database ({self.detail})"
                )
            case StoreState.CORRUPT:
                return StoreCorruptError(
                    "database_corrupt", f"the database is damaged ({self.detail})"
                )
            case StoreState.FENCED:
                return StoreFencedError("fenced", self.detail)
            case _:
                return StoreUnwritableError(
                    "database_unwritable", f"the database cannot be written ({self.detail})"
                )

    def refusal(self, path: Path) -> StoreUnusableError:
        """The error for whoever wanted to use the database at `path`, which nobody changed."""
        error = self.error()
        return type(error)(error.code, f"{path}: {error.message}. It was left as it is")


class Health:
    """Set by the store, on the event loop, whenever a write shows what the database can do."""

    def __init__(self) -> None:
        self.folding_failed: str | None = None
        self.fault: Fault | None = None
        self._changed = anyio.Event()

    @property
    def state(self) -> StoreState:
        """The present state."""
        return self.fault.state if self.fault is not None else StoreState.OK

    def set(self, fault: Fault | None) -> None:
        """Note what the last try met. A final state stays; the first detail of a state too."""
        if self.fault is not None and self.fault.final:
            return
        if self.state is not (fault.state if fault is not None else StoreState.OK):
            self.fault = fault
            self._changed.set()
            self._changed = anyio.Event()

    async def changed(self) -> None:
        """Return when the state has become another."""
        await self._changed.wait()
