"""What a process does by itself after an answer, and the run that takes it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import anyio
import msgspec

from agent_runner.agents.base import CliProtocol, PermissionAnswer
from agent_runner.agents.unfinished import Unfinished, partial_answer
from agent_runner.events.background import BackgroundLost, BackgroundTask
from agent_runner.events.base import AgentEvent
from agent_runner.events.message import TurnCompleted
from agent_runner.events.permission import PermissionRequested, PermissionResolved
from agent_runner.latch import Latch
from agent_runner.runners.questions import Questions
from agent_runner.runners.sink import Asker, BackgroundSink, Resolution, Sink
from conversation_store.codes import FailureCode

SETTLE_S = 10.0
"""Seconds a process has to tell what came of its work, when that is over and it is at rest."""

_TURNS = 256


class Background:
    """The work of one process that outlives its turns.

    A run of its own begins with the first thing that is told of such work after the turn's end,
    and ends with the turn in which the CLI tells what came of it. `rested_at` is when there was
    last neither such work nor such a run, by the monotonic clock. `began` is set with the next
    such run, and another one then. `reason` says why the process is ended, for those whose work
    is lost. `expected` is set from the reading of something of such work until `note`.
    """

    def __init__(
        self,
        asker: Asker,
        protocol: CliProtocol,
        answer: Callable[[str, Resolution], PermissionResolved],
        start: Callable[[Callable[[], Coroutine[Any, Any, None]]], None],
        unfinished: Unfinished,
    ) -> None:
        self.questions = Questions()
        self.rested_at = 0.0
        self.reason = "exit"
        self.expected = False
        self._asker = asker
        self._protocol = protocol
        self._answer = answer
        self._start = start
        self._unfinished = unfinished
        self._sink: Sink | None = None
        self._run: BackgroundSink | None = None
        self._causes: dict[int, str] = {}
        self._turns = 0
        self._noted: list[BackgroundTask] = []
        self._at_rest = Latch()
        self.began = Latch()
        self._stirred = Latch()
        self._watching = False
        self._over = False

    @property
    def tasks(self) -> list[BackgroundTask]:
        """What is left to do."""
        return self._protocol.background

    @property
    def working(self) -> bool:
        """True while something is left to do or to tell."""
        protocol = self._protocol
        left = self.expected or bool(protocol.background) or protocol.untold
        return not self._over and (left or self._run is not None)

    def expect(self) -> None:
        """Something of such work is being read, until `note`."""
        self.expected = True

    def end_for(self, reason: str) -> None:
        """The process is about to be ended, for this reason."""
        self.reason = reason

    def serves(self, run_id: str) -> bool:
        """True if the prompt of this run went to the process."""
        return run_id in self._causes.values()

    async def rest(self) -> None:
        """Return when nothing is left to do or to tell."""
        while self.working:
            await self.at_rest.wait()

    @property
    def at_rest(self) -> Latch:
        """Set when nothing is left to do or to tell, if something is."""
        if self.working and self._at_rest.is_set():
            self._at_rest = Latch()
        return self._at_rest

    def begin_turn(self, sink: Sink) -> None:
        """A prompt's turn begins: what it leaves behind is caused by it."""
        self._sink = sink
        self._turns += 1
        self._causes[self._turns] = sink.run_id
        self._causes.pop(self._turns - _TURNS, None)

    async def take(self, events: Sequence[AgentEvent], begun: int) -> None:
        """Take what work that the turn `begun` began has led to."""
        self._stirred.set()
        passed: list[AgentEvent] = []
        for event in events:
            self._unfinished.take([event], begun)
            if isinstance(event, TurnCompleted):
                partial = not event.ok
                passed += self._unfinished.end_background(partial=partial, helpers=False)
                await self._emit(passed, begun)
                await self._told(_with_partial(event, passed), begun)
                passed = []
                continue
            passed.append(event)
            if isinstance(event, PermissionResolved):
                self.questions.settled(event.request_id)
            elif isinstance(event, PermissionRequested):
                passed = await self._ask(passed, begun)
        await self._emit(passed, begun)

    async def hand_over(self, questions: Questions) -> None:
        """A turn ends: what outlives it takes its own questions along."""
        staying = [asked for asked in questions.all() if self._protocol.outlives(asked.request_id)]
        if not staying:
            return
        await self._give_over(await self._begun(self._turns), staying)
        for asked in staying:
            if questions.open(asked):
                questions.settled(asked.request_id)
                self.questions.asked(asked)

    async def note(self) -> None:
        """Look at what is left, after the session has read something."""
        self.expected = False
        tasks = self._protocol.background
        if tasks != self._noted and self._sink is not None:
            self._noted = tasks
            await self._sink.left(self._asker, tasks)
        if not self.working:
            if not self._at_rest.is_set():
                self.rested_at = anyio.current_time()
                self._at_rest.set()
            return
        if self._at_rest.is_set():
            self._at_rest = Latch()
        if self._silent and not self._watching:
            self._watching = True
            self._start(self._watch)

    async def resolved(self, resolved: PermissionResolved) -> None:
        """Tell that a question of such work was answered."""
        if self._run is not None:
            await self._run.emit([resolved])

    async def finish(self) -> None:
        """The process is gone, and closed what was open: say what is lost, and end the run."""
        self._over = True
        lost = self._protocol.background
        last = self._unfinished.end_background(partial=True, helpers=True)
        if lost:
            last.append(BackgroundLost(tasks=lost, reason=self.reason))
        run, self._run = self._run, None
        try:
            if last and self._sink is not None:
                await (run or self._sink).emit(last)
        finally:
            if run is not None:
                run.settle(_with_partial(_lost(lost), last))
            self._at_rest.set()

    @property
    def _silent(self) -> bool:
        """True while all work is over, no turn is on, and nothing was told of it."""
        resting = self._protocol.resting and not self._protocol.background
        return resting and (self._run is not None or self._protocol.untold)

    async def _begun(self, begun: int) -> BackgroundSink | None:
        if self._run is not None and self._run.takes_no_more:
            self._run = None
        if self._run is None and self._sink is not None:
            cause = self._causes.get(begun, self._sink.run_id)
            self._run = await self._sink.begin_background(self._asker, cause)
            self.began.set()
            self.began = Latch()
        return self._run

    async def _emit(self, events: Sequence[AgentEvent], begun: int) -> None:
        """Ephemeral events alone begin no run."""
        if not events or (self._run is None and all(event.ephemeral for event in events)):
            return
        run = await self._begun(begun)
        if run is not None:
            await run.emit(events)

    async def _ask(self, passed: list[AgentEvent], begun: int) -> list[AgentEvent]:
        """Answer the question at the end of `passed`, or have a person do so.

        Returns what is still to be emitted.
        """
        question = passed[-1]
        assert isinstance(question, PermissionRequested)
        sink = await self._begun(begun) or self._sink
        assert sink is not None
        ruling = await sink.rule(question, self._asker)
        if isinstance(ruling, Resolution):
            return [*passed, self._answer(question.request_id, ruling)]
        self.questions.asked(question)
        await self._emit(passed[:-1], begun)
        await sink.ask(question, self._asker)
        return []

    async def _told(self, turn_result: TurnCompleted, begun: int) -> None:
        """The CLI has told what came of its work: the run ends, and what is open goes on."""
        run = await self._begun(begun)
        self._run = None
        if run is None:
            return
        if waiting := self.questions.all():
            await self._give_over(await self._begun(begun), waiting)
        run.settle(turn_result)

    async def _give_over(
        self, run: BackgroundSink | None, waiting: Sequence[PermissionRequested]
    ) -> None:
        """Have the run wait for the answers; without one nobody could give them."""
        if run is not None:
            await run.take_over(self._asker, waiting)
            return
        denial = PermissionAnswer(allow=False, message="Nobody can approve this any more.")
        for question in waiting:
            await self._asker.answer(question, Resolution(answer=denial, decided_by="policy"))

    async def _watch(self) -> None:
        """Wait no longer for what the CLI does not tell, and end the run that waits for it."""
        try:
            while self._silent:
                self._stirred = Latch()
                with anyio.move_on_after(SETTLE_S):
                    await self._stirred.wait()
                    continue
                self._protocol.give_up_telling()
                run, self._run = self._run, None
                if run is not None:
                    run.settle(None)
        finally:
            self._watching = False
        await self.note()


def _with_partial(turn_result: TurnCompleted, last: Sequence[AgentEvent]) -> TurnCompleted:
    """The end of the turn with what broke off, if it has no text of its own."""
    if turn_result.ok or turn_result.text is not None or (text := partial_answer(last)) is None:
        return turn_result
    return msgspec.structs.replace(turn_result, text=text, partial=True)


def _lost(tasks: Sequence[BackgroundTask]) -> TurnCompleted:
    if not tasks:
        error = "the CLI ended before it told what came of its work"
        return TurnCompleted(ok=False, code=FailureCode.NO_RESULT, error=error)
    named = ", ".join(task.title or task.tool_call_id or task.task_id or "?" for task in tasks)
    error = f"the CLI ended with work left to do: {named}"
    return TurnCompleted(ok=False, code=FailureCode.BACKGROUND_LOST, error=error[:500])
