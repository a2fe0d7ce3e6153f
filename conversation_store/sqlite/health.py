"""The state of the store, for those who tell it or act on it."""

from __future__ import annotations

import anyio

from conversation_store.sqlite.faults import Fault, StoreState


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
