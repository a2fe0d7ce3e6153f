"""The protocol state that all CLIs share: open tools and questions, prompts not yet answered.

A subclass reads lines; this class makes sure that what was begun is also ended: a tool that
started completes, a question that was asked is resolved, and a prompt that was sent gets
one TurnCompleted, if need be when the process is gone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from agent_runner.agents.attachments import Attachment
from agent_runner.agents.base import (
    AgentOptions,
    Exit,
    Feature,
    Form,
    PermissionAnswer,
    Received,
    check_session_id,
)
from agent_runner.agents.failures import exit_verdict, short
from agent_runner.agents.line_reader import LineReader
from agent_runner.decoding.decode import plain
from agent_runner.errors import BadRequestError
from agent_runner.events.background import BackgroundTask
from agent_runner.events.base import AgentEvent
from agent_runner.events.message import TurnCompleted
from agent_runner.events.notice import Notice
from agent_runner.events.permission import PermissionRequested, PermissionResolved
from agent_runner.events.tool import FileChanged, ToolCompleted, ToolStarted, ToolStatus
from conversation_store.codes import FailureCode

ENDED = "the CLI ended"
AGENT_ROLES = ("assistant", "agent", "model", None)
"""Who speaks where it is the agent, by any CLI's word, or without one."""


class ProtocolBase(LineReader):
    """State and bookkeeping of every protocol; see `base.CliProtocol` for the contract."""

    def __init__(self, options: AgentOptions, form: Form, resume: str | None) -> None:
        super().__init__()
        self.options = options
        self.form = form
        self.session_id = resume
        self._prompts = 0
        self._interrupting = False
        self._untouched = False
        self.tools: dict[str, ToolStarted] = {}
        self._questions: dict[str, PermissionRequested] = {}
        self.denied: set[str] = set()
        self._later: list[AgentEvent] = []

    # --- the parts of base.CliProtocol that most share ---------------------------------------

    def open(self) -> bytes:
        """No handshake."""
        return b""

    @property
    def ready(self) -> bool:
        """It has no handshake."""
        return True

    @property
    def close_after_prompt(self) -> bool:
        """Stdin stays open, unless a subclass says otherwise."""
        return False

    def steer(self, text: str, attachments: Sequence[Attachment] = ()) -> bytes | None:
        """No such message."""
        return None

    def reconfigure(self, options: AgentOptions) -> bytes | None:
        """No such message."""
        return None

    def interrupt(self) -> bytes | None:
        """No such message."""
        return None

    @property
    def reads_stderr(self) -> bool:
        """Stderr is text for people."""
        return False

    def receive_stderr(self, line: bytes) -> Received:
        """Nothing."""
        return Received()

    def unmasked(self, line: bytes) -> None:
        """Nothing of a question goes back with its answer."""

    @property
    def features(self) -> frozenset[Feature]:
        """Nothing but allow and deny."""
        return frozenset()

    def answer(self, request_id: str, answer: PermissionAnswer) -> bytes:
        """No permission questions: KeyError."""
        raise KeyError(request_id)

    @property
    def background(self) -> list[BackgroundTask]:
        """Nothing outlives its turn."""
        return []

    @property
    def resting(self) -> bool:
        """True while no turn is on."""
        return not self._prompts

    @property
    def typed(self) -> Collection[str]:
        """It has no terminal of its own."""
        return ()

    @property
    def untold(self) -> bool:
        """Nothing is to be told."""
        return False

    def give_up_telling(self) -> None:
        """Nothing is to be told."""

    def outlives(self, request_id: str) -> bool:
        """No question outlives its turn."""
        return False

    def stop_background(self) -> bytes | None:
        """No such message."""
        return None

    def finish_background(self) -> Received:
        """Nothing of it is open."""
        return Received()

    def finish(self, exit: Exit) -> list[AgentEvent]:  # noqa: A002
        """End what is open; fail the prompt that got no result."""
        events = [*self._later, *self._close_open(ENDED, by="exit")]
        self._later = []
        if self._prompts:
            code, error = self._exit_verdict(exit)
            if self._interrupting:
                code, error = FailureCode.INTERRUPTED, "interrupted"
            events.append(
                TurnCompleted(
                    ok=False,
                    code=code,
                    error=error,
                    session_id=self.session_id,
                    untouched=self._untouched and not self._interrupting,
                )
            )
            self._prompts = 0
        return events

    def _exit_verdict(self, end: Exit) -> tuple[FailureCode, str]:
        return exit_verdict(end)

    # --- prompts ---------------------------------------------------------------------------

    def _begin_turn(self, prompt: str) -> None:
        """A turn is asked for."""
        self._prompts += 1
        self.answered.begin(prompt)

    def _turn_ended(self) -> None:
        """A solicited turn is over."""
        self.answered.end()
        self._prompts = max(0, self._prompts - 1)
        self._interrupting = False
        self.denied.clear()

    # --- session ids -----------------------------------------------------------------------

    def _accept_session_id(self, value: str | None) -> list[AgentEvent]:
        """Keep the CLI's session id if it is safe to use again; say so if it is not."""
        if not value or value == self.session_id:
            return []
        try:
            self.session_id = check_session_id(value)
        except BadRequestError as error:
            return [Notice(code="bad_session_id", level="warning", message=error.message)]
        return []

    # --- tools -----------------------------------------------------------------------------

    def start_tool(self, started: ToolStarted) -> list[AgentEvent]:
        """ToolStarted, unless this call has started already."""
        if started.tool_call_id in self.tools:
            return []
        self.tools[started.tool_call_id] = started
        return [started]

    def only_call(self, parent: str | None = None) -> str | None:
        """The one call that is open there, for a result that does not say whose it is."""
        tools = self.tools.values()
        calls = [tool.tool_call_id for tool in tools if tool.parent_tool_call_id == parent]
        return calls[0] if len(calls) == 1 else None

    def end_tool(
        self,
        tool_call_id: str,
        *,
        failed: bool,
        output: Any = None,
        error: str | None = None,
        changed: list[FileChanged] | None = None,
    ) -> list[AgentEvent]:
        """ToolCompleted, then the files that a completed tool changed."""
        started = self.tools.pop(tool_call_id, None)
        status: ToolStatus = "failed" if failed else "completed"
        if self.denied:
            if failed and tool_call_id in self.denied:
                status = "denied"
            self.denied.discard(tool_call_id)
        events: list[AgentEvent] = [
            ToolCompleted(
                tool_call_id=tool_call_id,
                status=status,
                output=output if type(output) is str else plain(output),
                error=short(error) if error else None,
                name=started.name if started else None,
                truncated=self.in_part and not failed,
            )
        ]
        if not failed and changed:
            events.extend(changed)
        return events

    # --- questions -------------------------------------------------------------------------

    def _ask(self, question: PermissionRequested) -> list[AgentEvent]:
        """PermissionRequested, unless just this question is open already.

        Asked again for another thing, what was asked first is withdrawn: whoever is shown
        the one must not answer the other.
        """
        before = self._questions.get(question.request_id)
        if before is not None and _asks_the_same(before, question):
            return []
        changed = self.withdraw(question.request_id, "the CLI changed the question")
        self._questions[question.request_id] = question
        return [*changed, question]

    def withdraw(self, request_id: str, message: str, *, by: str = "cli") -> list[AgentEvent]:
        """The CLI no longer waits for this answer; `by` is `exit` if it is gone."""
        if self._questions.pop(request_id, None) is None:
            return []
        return [
            PermissionResolved(
                request_id=request_id, decision="cancelled", decided_by=by, message=message
            )
        ]

    def _call_outlives(self, call: str) -> bool:
        """True if an open call is part of work that outlives its turn."""
        return False

    def _close_open(self, why: str, *, by: str = "cli", of_turn: bool = False) -> list[AgentEvent]:
        """Resolve every open question as cancelled, fail every open tool.

        With `of_turn` only what does not outlive the turn.
        """
        events: list[AgentEvent] = []
        staying = {call for call in self.tools if of_turn and self._call_outlives(call)}
        for request_id in list(self._questions):
            if not (of_turn and self.outlives(request_id)):
                events.extend(self.withdraw(request_id, why, by=by))
        for tool_call_id in [call for call in self.tools if call not in staying]:
            events.extend(
                self.end_tool(tool_call_id, failed=True, error=f"{why} before the tool did")
            )
        return events


def _asks_the_same(one: PermissionRequested, other: PermissionRequested) -> bool:
    return (one.name, one.input) == (other.name, other.input)
