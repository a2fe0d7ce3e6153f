"""Who listens to a CLI's turn and rules on its questions."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

import msgspec

from agent_runner.agents.base import Feature, PermissionAnswer
from agent_runner.events.background import BackgroundTask
from agent_runner.events.base import AgentEvent
from agent_runner.events.message import TurnCompleted
from agent_runner.events.permission import PermissionRequested


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to a question, who gave it, and the rule of the policy that it follows."""

    answer: PermissionAnswer
    decided_by: str
    rule: str | None = None
    approval_id: str | None = None


class AskPerson(Enum):
    """Neither a grant nor the policy answers the question: a person is to."""

    ASK_A_PERSON = "ask_a_person"


ASK_A_PERSON = AskPerson.ASK_A_PERSON


class Asker(Protocol):
    """The process that asks."""

    @property
    def pid(self) -> int:
        """Its process id."""
        ...

    @property
    def process_id(self) -> str:
        """Its id in the store."""
        ...

    @property
    def alive(self) -> bool:
        """True until it is known to be gone."""
        ...

    @property
    def features(self) -> frozenset[Feature]:
        """What it takes in an answer."""
        ...

    def allowed(self, question: PermissionRequested) -> bool:
        """True if just this was allowed for as long as it lives."""
        ...

    def suspend(self, line: bytes) -> None:
        """End: another process will be told the answer. It gets `line` first."""
        ...

    async def answer(self, question: PermissionRequested, resolution: Resolution) -> bool:
        """Tell it; False, and nothing is sent, if it does not wait for an answer to just this."""
        ...


class Sink(Protocol):
    """Takes a run's events and rules on its CLI's questions; waiting in it holds the CLI back."""

    @property
    def run_id(self) -> str:
        """Names the run."""
        ...

    async def emit(self, events: Sequence[AgentEvent], *, last: bool = False) -> None:
        """Take events, in order; `last` if the end of the turn comes with them."""
        ...

    async def rule(self, question: PermissionRequested, asker: Asker) -> Resolution | AskPerson:
        """The answer, unless a person has to give it."""
        ...

    async def ask(self, question: PermissionRequested, asker: Asker) -> None:
        """Store the question behind what was emitted; a person's answer comes by `Asker.answer`."""
        ...

    async def begin_background(self, asker: Asker, caused_by: str) -> BackgroundSink | None:
        """Begin the run of what the process does by itself; None where nobody is to see it.

        `caused_by` is the run in which that work was begun.
        """
        ...

    async def left(self, asker: Asker, tasks: Sequence[BackgroundTask]) -> None:
        """Note what the process has left to do in the background, as it changes."""
        ...


class BackgroundSink(Sink, Protocol):
    """The run of what a CLI does by itself, after an answer."""

    @property
    def takes_no_more(self) -> bool:
        """True once it is over."""
        ...

    async def take_over(self, asker: Asker, questions: Sequence[PermissionRequested]) -> None:
        """Wait for the answers to what its work has asked in another run, which ends."""
        ...

    def settle(self, turn_result: TurnCompleted | None) -> None:
        """End it: with what the CLI told of its work, None if that ended and nothing was told."""
        ...
