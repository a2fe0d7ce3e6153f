"""A store as a whole, and how one is opened."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from conversation_store.health import Health
from conversation_store.interfaces.agents import Agents
from conversation_store.interfaces.approvals import Approvals
from conversation_store.interfaces.attachments import Attachments
from conversation_store.interfaces.circuits import Circuits
from conversation_store.interfaces.comparisons import Comparisons
from conversation_store.interfaces.conversations import Conversations
from conversation_store.interfaces.deadlines import Deadlines
from conversation_store.interfaces.events import Events
from conversation_store.interfaces.integrity import Integrity
from conversation_store.interfaces.logins import Logins
from conversation_store.interfaces.processes import Processes
from conversation_store.interfaces.runs import Runs
from conversation_store.interfaces.tickets import Tickets
from conversation_store.interfaces.toggles import Toggles
from conversation_store.records import Owner


class Store(Protocol):
    """Its parts, each by its noun."""

    @property
    def health(self) -> Health:
        """What the database can do now."""
        ...

    @property
    def agents(self) -> Agents:
        """Named workers."""
        ...

    @property
    def conversations(self) -> Conversations:
        """Their chats, with the turns."""
        ...

    @property
    def attachments(self) -> Attachments:
        """The files of their turns."""
        ...

    @property
    def runs(self) -> Runs:
        """Executions of prompts."""
        ...

    @property
    def events(self) -> Events:
        """What happened, gapless by conversation."""
        ...

    @property
    def approvals(self) -> Approvals:
        """Questions, their decisions, and the log of both."""
        ...

    @property
    def processes(self) -> Processes:
        """What lives, or was left by a crash."""
        ...

    @property
    def circuits(self) -> Circuits:
        """What the circuit breakers knew."""
        ...

    @property
    def toggles(self) -> Toggles:
        """What stands for or against a mode, and the log of it."""
        ...

    @property
    def tickets(self) -> Tickets:
        """Messages for agents that poll."""
        ...

    @property
    def comparisons(self) -> Comparisons:
        """Two legs of a shadow run, side by side."""
        ...

    @property
    def logins(self) -> Logins:
        """Browsers that have logged in."""
        ...

    @property
    def deadlines(self) -> Deadlines:
        """The ends of all that waits."""
        ...

    @property
    def integrity(self) -> Integrity:
        """Checks, repairs, backups, figures."""
        ...

    def end_patience(self, seconds: float) -> None:
        """From `seconds` from now on nothing waits any more for a database that does not work."""
        ...


class OpenStore(Protocol):
    """What opens a store."""

    def __call__(
        self, path: Path, *, owner: Owner | None = None
    ) -> AbstractAsyncContextManager[Store]:
        """Open or make the store at `path` for as long as the block runs.

        With an `owner` it is opened for service: whoever had its lease before is fenced.
        StoreUnusableError says why it cannot be opened.
        """
        ...
