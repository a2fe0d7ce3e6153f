"""One living CLI process: a child, its protocol session, and whoever listens to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import msgspec
import structlog
from anyio.abc import TaskGroup

from agent_runner.agents.attachments import Attachment
from agent_runner.agents.base import AgentOptions, CliProtocol, Exit, Feature, Form, Received
from agent_runner.agents.unfinished import Unfinished, partial_answer
from agent_runner.events.base import AgentEvent
from agent_runner.events.line import Oversize
from agent_runner.events.message import TurnCompleted
from agent_runner.events.notice import Notice
from agent_runner.events.permission import PermissionRequested, PermissionResolved
from agent_runner.events.session import PromptTaken, SessionStarted
from agent_runner.events.tool import ToolStarted
from agent_runner.latch import Latch
from agent_runner.process.child import Child
from agent_runner.process.identity import ProcessIdentity, has_ended, ticks_now
from agent_runner.process.lines import OversizeLine
from agent_runner.process.programs import Installed
from agent_runner.runners.background import Background
from agent_runner.runners.limits import Limits
from agent_runner.runners.outbox import Outbox
from agent_runner.runners.questions import Questions
from agent_runner.runners.raw_output import RawOutput
from agent_runner.runners.sink import Resolution, Sink
from agent_runner.runners.stderr import Stderr
from agent_runner.runners.stdout import QUIET_S, Stdout
from agent_runner.runners.text_mask import TextMask
from conversation_store.codes import FailureCode

log = structlog.get_logger(__name__)

EXIT_GRACE_S = 5.0

# How the time to end a turn is shared out: asking, closing its input, TERM; then KILL.
_ASK_SHARE = 0.5
_EOF_SHARE = 0.1


Place = tuple[int, int, str]
"""A folder by its device, its number there and the path that it is reached by without links."""


class CliProcess:
    """Reads a process from start to end and serves one turn at a time on it.

    Run `serve` in a task. `begin` sends a prompt; the `turn_result` always comes: from the
    CLI, or from the session when the process is gone. `place` is the folder it was started in.
    """

    def __init__(
        self,
        child: Child,
        protocol: CliProtocol,
        form: Form,
        *,
        session_id: str | None,
        reads: str | None,
        place: Place,
        program: Installed,
        raw: RawOutput,
        secrets: Iterable[str],
        line_limit: int,
        output_limit: int,
        end_grace: float,
        drifts: Callable[[str | None, Mapping[str, int]], Notice | None],
    ) -> None:
        self.form = form
        self.place = place
        self.program = program
        self.session_id = session_id
        self.reads = reads
        self.reconfigured = False
        self.cli_version: str | None = None
        self.gone = Latch()
        self.ready = Latch()
        self._has_begun = False
        self.born = anyio.current_time()
        self.last_heartbeat: float | None = None
        self._child = child
        self._protocol = protocol
        self._end_grace = end_grace
        self._drifts = drifts
        self._sink: Sink | None = None
        self._sink_set = Latch()
        self._raw = raw
        self._turn_result: TurnCompleted | None = None
        self._cut_short = False
        self._tool_started = False
        self._session_opened = False
        self._unfinished = Unfinished()
        self._mask = TextMask(secrets)
        self._tools_since = 0
        self._steered: deque[Latch] = deque()
        self.questions = Questions()
        self.background = Background(
            self, protocol, self._send_answer, self._start, self._unfinished
        )
        self._limits = Limits(child)
        self._given_up = False
        self._reading = anyio.CancelScope()
        self._serving = Latch()
        self._tasks: TaskGroup | None = None
        self._turn_done = Latch()
        self._turn_done.set()
        self._wake = Latch()
        self._stdout = Stdout(
            child,
            raw,
            self._limits,
            secrets=secrets,
            line_limit=line_limit,
            output_limit=output_limit,
            end_grace=end_grace,
            take=self._handle,
            tell=self._emit,
        )
        self._stderr = Stderr(
            child,
            raw,
            secrets=secrets,
            line_limit=line_limit,
            take=self._handle_stderr if protocol.reads_stderr else None,
        )
        self._outbox = Outbox(child, partial(self._start, self._write))
        self._outbox.send(protocol.open())

    @property
    def pid(self) -> int:
        """The process id."""
        return self._child.pid

    @property
    def process_id(self) -> str:
        """The process's id in the store."""
        return self._child.identity.process_id

    @property
    def identity(self) -> ProcessIdentity:
        """The process, as it can be recorded."""
        return self._child.identity

    @property
    def last_output(self) -> float | None:
        """When it last printed in this turn, by the monotonic clock."""
        return self._stdout.last

    @property
    def left_over(self) -> bool:
        """True if the process or something that it started could not be ended."""
        return self.gone.is_set() and not self._child.empty

    @property
    def features(self) -> frozenset[Feature]:
        """What an answer to this CLI may hold besides allow or deny."""
        return self._protocol.features

    @property
    def typed(self) -> Collection[str]:
        """See `base.CliProtocol`."""
        return self._protocol.typed

    @property
    def alive(self) -> bool:
        """True until the process is known to be gone."""
        return not self.gone.is_set()

    @property
    def exit_code(self) -> int | None:
        """The exit code, once the process is gone."""
        return self._child.exit_code

    async def go(self, prompt: str | None, attachments: Sequence[Attachment] = ()) -> None:
        """Let the held process become the CLI; SpawnError if that cannot be started.

        The `prompt` of its first turn is in its input by then; None starts it without one.
        """
        if prompt is not None:
            self._send_prompt(prompt, attachments)
        self._serving.set()
        await self._child.go()

    def listen(self, sink: Sink) -> None:
        """Have events go to `sink` before the first turn begins."""
        self._sink = sink
        self._sink_set.set()

    async def begin(
        self,
        prompt: str | None,
        attachments: Sequence[Attachment],
        sink: Sink,
        raw: Path,
        wake: Latch,
    ) -> None:
        """Begin a turn: its events go to `sink`, its bytes to `raw`.std*.

        `prompt` is None for the turn whose prompt it did `go` with. `wake` is set when the turn
        is over.
        """
        self._raw.move(raw, carry=not self._has_begun)
        self._has_begun = True
        self._sink = sink
        self._sink_set.set()
        self._turn_result = None
        self._steered.clear()
        self._stdout.begin_turn()
        self.last_heartbeat = None
        self._tool_started = False
        self._tools_since = ticks_now()
        self._turn_done, self._wake = Latch(), wake
        self.questions.begin_turn()
        self.background.begin_turn(sink)
        if not self.alive:
            await self._finish()
            return
        if prompt is not None:
            self._send_prompt(prompt, attachments)
        # Made now, while it is the CLI that is waited for.
        self._raw.begin()

    @property
    def turn_over(self) -> bool:
        """True unless a turn was begun and is not over."""
        return self._turn_done.is_set()

    async def turn_result(self) -> TurnCompleted:
        """How the turn ended, when it has."""
        await self._turn_done.wait()
        if self.form is Form.ONE_SHOT and not self.background.working:
            await self.leave()
        assert self._turn_result is not None
        return self._turn_result

    async def leave(self) -> None:
        """Let the process end: it gets no more input. One that stays is ended."""
        self._outbox.close()
        with anyio.move_on_after(EXIT_GRACE_S):
            await self.gone.wait()
        await self.end()

    def _send_prompt(self, prompt: str, attachments: Sequence[Attachment]) -> None:
        self._outbox.send(self._protocol.prompt(prompt, attachments))
        if self._protocol.close_after_prompt:
            self._outbox.close()

    def steer(self, prompt: str, attachments: Sequence[Attachment]) -> Latch | None:
        """Put a prompt into the running turn; None if it takes none.

        The latch is set when the CLI has taken it in, which it may never do.
        """
        if not self.alive or self.turn_over or self._cut_short:
            return None
        sent = self._protocol.steer(prompt, attachments)
        if sent is None:
            return None
        self._outbox.send(sent)
        taken = Latch()
        self._steered.append(taken)
        return taken

    def reconfigure(self, options: AgentOptions) -> bool:
        """Give the process another model or permission mode; False if that needs a new one."""
        sent = self._protocol.reconfigure(options) if self.alive and self.turn_over else None
        if sent is None:
            return False
        self._outbox.send(sent)
        self.reconfigured = True
        return True

    async def answer(self, question: PermissionRequested, resolution: Resolution) -> bool:
        """Answer an open question; False, and nothing is sent, if the CLI does not wait for it.

        Nor if it has asked another thing by the same id since, or has just ended.
        """
        ended = self._child.exit_code is not None or has_ended(self.pid, self.identity.start_ticks)
        of_turn = self.questions.open(question)
        if ended or not (of_turn or self.background.questions.open(question)):
            return False
        for_session = resolution.answer.allow and resolution.answer.session
        questions = self.questions if of_turn else self.background.questions
        questions.settled(question.request_id)
        try:
            resolved = self._send_answer(question.request_id, resolution)
        except KeyError:
            # It took the question back; that was read, and is not told yet.
            return False
        if for_session:
            self.questions.allow(question)
        if of_turn:
            await self._emit([resolved])
        else:
            await self.background.resolved(resolved)
        return True

    def stop_background(self) -> bool:
        """Ask the CLI to end its work in the background; False if it has no message for that."""
        stop = self._protocol.stop_background() if self.alive else None
        if stop is not None:
            self._outbox.send(stop)
        return stop is not None

    def allowed(self, question: PermissionRequested) -> bool:
        """True if just this was allowed for as long as the process lives."""
        return self.questions.allowed(question)

    def keep_session(self, session_id: str | None) -> None:
        """Go on with this session, whatever the CLI has opened."""
        self.session_id = session_id

    def replaced_by(self, program: Installed) -> None:
        """Note that another program lies where this one did."""
        self.program = program

    def heartbeat(self) -> None:
        """Note a sign of life that came another way than by output."""
        self.last_heartbeat = anyio.current_time()

    def suspend(self, line: bytes) -> None:
        """End the process, which waits for what only another one will be told.

        It gets `line` first, if it still reads.
        """
        if not self._protocol.close_after_prompt:
            self._outbox.send(line)
        self._start(self._end_suspended)

    async def stop_turn(self, grace: float) -> None:
        """End the present turn within `grace` seconds and a kill.

        By message where the CLI has one, and then what its tools have left running is
        killed; else the whole process is ended.
        """
        left = grace
        interrupt = self._protocol.interrupt() if self.alive else None
        if interrupt is not None:
            self._outbox.send(interrupt)
            with anyio.move_on_after(grace * _ASK_SHARE):
                await self._turn_done.wait()
                if self._tool_started and not self.background.working:
                    self._child.sweep(self._tools_since)
                return
            left -= grace * _ASK_SHARE
        self._cut_short = not self.turn_over
        await self.end(left)

    async def end(self, grace: float | None = None, reason: str | None = None) -> None:
        """End the process and all it started; returns when `serve` has seen it go.

        `reason` is told to those whose work is lost. What cannot be killed is given up, and is
        `left_over` then; so is the reading of what nobody has begun to listen to.
        """
        self._serving.set()
        if reason is not None:
            self.background.end_for(reason)
        if self.alive:
            whole = self._end_grace if grace is None else grace
            await self._child.end(eof_grace=whole * _EOF_SHARE, term_grace=whole * (1 - _EOF_SHARE))
            if not (self._child.empty and self._sink_set.is_set()):
                self._given_up = True
                self._reading.cancel()
        await self.gone.wait()

    async def serve(self) -> None:
        """Read until the process is gone, then settle whatever is open.

        Begins when the process goes, or is ended: while it is held, others want the time.
        """
        try:
            await self._serving.wait()
            async with anyio.create_task_group() as tasks:
                self._tasks = tasks
                if not self._outbox.empty:
                    tasks.start_soon(self._write)
                tasks.start_soon(self._stderr.read)
                tasks.start_soon(self._stop_reading_after_exit)
                tasks.start_soon(self._tell_notices)
                with self._reading:
                    await self._sink_set.wait()
                    await self._stdout.read()
                if not self._given_up:
                    with anyio.move_on_after(EXIT_GRACE_S):
                        await self._child.wait()
                    await self._child.end(term_grace=self._end_grace)
                with anyio.move_on_after(QUIET_S):
                    await self._stderr.ended.wait()
                tasks.cancel_scope.cancel()
        except* Exception:
            log.exception("cli_reader_failed", pid=self.pid)
        finally:
            self._tasks = None
            with anyio.CancelScope(shield=True):
                if not self._given_up:
                    await self._child.end(term_grace=self._end_grace)
                try:
                    await self._finish()
                except Exception:  # the listener's trouble must not keep the process's things
                    log.exception("cli_end_not_told", pid=self.pid)
                self.gone.set()
                self._raw.close()
                self._child.close()

    async def _handle(self, lines: list[bytes | OversizeLine]) -> None:
        events: list[AgentEvent] = []
        background_turn: int | None = None
        lines.reverse()
        while lines:
            # A line may have megabytes: it is let go before its events are stored.
            line = lines.pop()
            received: Received | None = self._received(line)
            del line
            while received is not None:
                if received.background_turn is not None:
                    self.background.expect()
                if received.background_turn != background_turn:
                    await self._deal(events, background_turn)
                    events, background_turn = [], received.background_turn
                events += self._taken(received)
                received = received.rest
        await self._deal(events, background_turn)
        await self.background.note()
        if not self.ready.is_set() and self._protocol.ready:
            self.ready.set()

    def _received(self, line: bytes | OversizeLine) -> Received:
        if not isinstance(line, OversizeLine):
            received = self._protocol.receive(line)
            originals = self._stdout.originals
            if originals and (original := originals.get(line)) is not None:
                self._protocol.unmasked(original)
            return received
        offset = self._raw.offset(line.offset)
        told = Oversize(length_bytes=line.length, sha256=line.sha256, raw_offset=offset)
        received = self._protocol.receive_oversize(line.kept)
        received.events = [told, *received.events]
        return received

    async def _deal(self, events: list[AgentEvent], background_turn: int | None) -> None:
        if background_turn is None:
            await self._settle(events)
        else:
            await self.background.take(events, background_turn)

    def _taken(self, received: Received) -> list[AgentEvent]:
        if received.send:
            self._outbox.send(received.send)
        if received.alive:
            # It printed this itself: unlike a heartbeat by HTTP, it shows that it has started.
            self._stdout.heard()
            self.heartbeat()
        return self._mask.events(received.events)

    async def _settle(self, events: Sequence[AgentEvent]) -> None:
        passed: list[AgentEvent] = []
        turn_result: TurnCompleted | None = None
        self._unfinished.take(events)
        for event in events:
            if isinstance(event, TurnCompleted) and not event.unsolicited:
                if turn_result is None and not self.turn_over:
                    turn_result = event
                else:
                    passed.append(_without_text(event))
                continue
            passed.append(_without_text(event) if isinstance(event, TurnCompleted) else event)
            if isinstance(event, SessionStarted):
                self.session_id = event.session_id
                self.cli_version = event.cli_version or self.cli_version
                if not self._tool_started and not self._session_opened:
                    # What runs before the first tool is the CLI's own: servers of MCP, say.
                    self._tools_since = ticks_now()
                self._session_opened = True
            elif isinstance(event, ToolStarted):
                self._tool_started = True
            elif isinstance(event, PermissionResolved):
                self.questions.settled(event.request_id)
            elif isinstance(event, PromptTaken) and self._steered:
                steered = self._steered.popleft()
                if event.taken:
                    steered.set()
            elif isinstance(event, PermissionRequested):
                passed = await self._ask(passed)
        if turn_result is not None:
            turn_result = self._with_partial(turn_result, passed)
            passed += self._drift_notice()
        if passed:
            await self._emit(passed, last=turn_result is not None)
        if turn_result is not None:
            if self._cut_short and turn_result.ok:
                # Ended in the middle, Droid tells its model that the tool failed, and finishes.
                turn_result = msgspec.structs.replace(
                    turn_result, ok=False, code=FailureCode.INTERRUPTED, error="interrupted"
                )
            self.session_id = turn_result.session_id or self.session_id
            await self.background.hand_over(self.questions)
            await self.background.note()
            self._end_turn(turn_result)

    def _with_partial(self, turn_result: TurnCompleted, passed: list[AgentEvent]) -> TurnCompleted:
        """The turn with what it left open, which is its text if it has no other."""
        passed += self._unfinished.end_turn(partial=not turn_result.ok)
        if turn_result.ok or turn_result.text is not None:
            return turn_result
        text = partial_answer(passed)
        if text is None:
            return turn_result
        return msgspec.structs.replace(turn_result, text=text, partial=True)

    async def _ask(self, passed: list[AgentEvent]) -> list[AgentEvent]:
        """Answer the question at the end of `passed`, or have a person do so.

        Returns what is still to be emitted.
        """
        question = passed[-1]
        assert isinstance(question, PermissionRequested)
        assert self._sink is not None
        ruling = await self._sink.rule(question, self)
        if isinstance(ruling, Resolution):
            return [*passed, self._send_answer(question.request_id, ruling)]
        if question.kind != "tool":
            self.questions.asked(question)
        await self._emit(passed[:-1])
        await self._sink.ask(question, self)
        return []

    def _send_answer(self, request_id: str, resolution: Resolution) -> PermissionResolved:
        answer = resolution.answer
        self._outbox.send(self._protocol.answer(request_id, answer))
        return PermissionResolved(
            request_id=request_id,
            decision="allow" if answer.allow else "deny",
            decided_by=resolution.decided_by,
            message=answer.message,
            rule=resolution.rule,
            approval_id=resolution.approval_id,
        )

    def _drift_notice(self) -> list[AgentEvent]:
        """What this turn printed that the schemas do not know, if it was not told before."""
        counts = dict(self._protocol.drift)
        if not counts:
            return []
        self._protocol.drift.clear()
        notice = self._drifts(self.cli_version, counts)
        return [notice] if notice is not None else []

    async def _emit(self, events: Sequence[AgentEvent], *, last: bool = False) -> None:
        if self._sink is not None:
            await self._sink.emit(events, last=last)

    async def _handle_stderr(self, lines: list[bytes]) -> None:
        await self._sink_set.wait()
        events: list[AgentEvent] = []
        for line in lines:
            events += self._taken(self._protocol.receive_stderr(line))
        await self._settle(events)

    async def _end_suspended(self) -> None:
        with anyio.move_on_after(self._end_grace):
            await self._child.wait()
        await self._child.end(term_grace=self._end_grace)

    def _start(self, task: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `task` beside the reading, while there is any."""
        if self._tasks is not None:
            self._tasks.start_soon(task)

    async def _tell_notices(self) -> None:
        await self._sink_set.wait()
        while True:
            await self._limits.noticed.wait()
            await self._emit(self._limits.untold())

    async def _write(self) -> None:
        try:
            await self._outbox.write()
        except TimeoutError:
            log.warning("cli_does_not_read", pid=self.pid)
            self._limits.found_not_reading()
            await self._child.end(term_grace=self._end_grace)

    async def _stop_reading_after_exit(self) -> None:
        await self._stdout.quiet_after_exit()
        self._reading.cancel()

    async def _finish(self) -> None:
        events = self._limits.untold()
        end = Exit(code=self._child.exit_code, stderr_tail=self._stderr.tail)
        rest: Received | None = self._protocol.finish_background()
        held, last = self._mask.end(self._protocol.finish(end))
        self._unfinished.take(held)
        try:
            try:
                while rest is not None:
                    await self._deal(rest.events, rest.background_turn)
                    rest = rest.rest
            finally:
                await self.background.finish()
            events += self._unfinished.end(last)
            await self._settle([self._explained(event) for event in events])
        finally:
            if not self.turn_over:
                self._end_turn(
                    TurnCompleted(
                        ok=False, code=FailureCode.NO_RESULT, error="the CLI ended without a result"
                    )
                )

    def _explained(self, event: AgentEvent) -> AgentEvent:
        """A turn that ended without a result, with the reason that its CLI does not know."""
        event = self._limits.explained(event)
        lost = isinstance(event, TurnCompleted) and event.code == FailureCode.NO_RESULT
        if not (lost and self._stdout.was_cut):
            return event
        error = "another program emptied the CLI's output file before its end was read"
        return msgspec.structs.replace(event, code=FailureCode.OUTPUT_LOST, error=error)

    def _end_turn(self, turn_result: TurnCompleted) -> None:
        self._turn_result = turn_result
        self._turn_done.set()
        self._wake.set()


def _without_text(event: TurnCompleted) -> TurnCompleted:
    """The answer's text is in its message events already."""
    return TurnCompleted(
        ok=event.ok,
        code=event.code,
        error=event.error,
        stop_reason=event.stop_reason,
        session_id=event.session_id,
        usage=event.usage,
        cost_usd=event.cost_usd,
        duration_ms=event.duration_ms,
        num_turns=event.num_turns,
        unsolicited=event.unsolicited,
    )
