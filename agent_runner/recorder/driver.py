"""Plays the steps of a case against a running CLI through its adapter's Session."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Collection
from typing import Any

from agent_runner.agents.base import Exit, Feature, Form, PermissionAnswer, Received, Session
from agent_runner.events import (
    AgentEvent,
    BackgroundTask,
    PermissionRequested,
    TurnCompleted,
    event_type,
)
from agent_runner.recorder.cases.case import (
    Answer,
    Eof,
    Interrupt,
    Prompt,
    Signal,
    Step,
    When,
)
from agent_runner.recorder.child import Child, Line

_SESSION_ID = re.compile(rb'"session_?[iI]d"\s*:\s*"([^"]+)"')

# A prompt over this many bytes is stored as its pattern.
LONG_PROMPT = 64 * 1024


class CaseError(Exception):
    """A case did not go as it declares; nothing is recorded."""


class PlainSession:
    """A one-shot CLI that takes its prompt as plain text: for cases with their own argv."""

    close_after_prompt = True
    reads_stderr = False
    features: frozenset[Feature] = frozenset()
    resting = True
    typed: Collection[str] = ()

    def __init__(self) -> None:
        self.background: list[BackgroundTask] = []
        self.untold = False
        self.drift: Counter[str] = Counter()

    def open(self) -> bytes:
        """Nothing to say first."""
        return b""

    def prompt(self, text: str) -> bytes:
        """The text itself."""
        return text.encode()

    def unmasked(self, line: bytes) -> None:
        """Nothing goes back."""

    def receive(self, line: bytes) -> Received:
        """Lines are kept, not read."""
        return Received()

    def receive_oversize(self, line: bytes) -> Received:
        """Kept, not read."""
        return Received()

    def receive_stderr(self, line: bytes) -> Received:
        """Kept, not read."""
        return Received()

    def answer(self, request_id: str, answer: PermissionAnswer) -> bytes:
        """There are no questions."""
        raise KeyError(request_id)

    def interrupt(self) -> bytes | None:
        """There is no way."""
        return None

    def give_up_telling(self) -> None:
        """Nothing is to be told."""

    def outlives(self, request_id: str) -> bool:
        """Nothing does."""
        return False

    def stop_background(self) -> bytes | None:
        """There is no way."""
        return None

    def finish_background(self) -> Received:
        """Nothing is open."""
        return Received()

    def finish(self, exit: Exit) -> list[AgentEvent]:  # noqa: A002
        """Nothing is open."""
        return []


class Driver:
    """The state of one case while it runs."""

    def __init__(self, child: Child, session: Session, form: Form) -> None:
        self._child = child
        self._session = session
        self._form = form
        self._lines = 0
        self._since: list[Line] = []
        self._events: list[AgentEvent] = []
        self._open: list[str] = []
        self._last_stdout = time.monotonic()
        self._closed = False
        self.log: list[dict[str, Any]] = []
        """The steps as `command` stores them."""

    def play(self, steps: tuple[Step, ...], within: float) -> int:
        """Do every step and wait for the end; returns the exit code.

        CaseError if a condition or the end does not come in time.
        """
        self._child.send(self._session.open())
        for step in steps:
            if not self._wait(step.when):
                if isinstance(step, Eof):
                    break
                raise CaseError(f"the CLI ended before step {step}")
            self._since, self._events = [], []
            self._do(step)
        deadline = time.monotonic() + within
        while not self._child.finished():
            if time.monotonic() > deadline:
                raise CaseError(f"the CLI did not end within {within:.0f} s of its last step")
            self._pump()
        code = self._child.exit_code
        assert code is not None
        return code

    def _do(self, step: Step) -> None:
        match step:
            case Prompt():
                self._prompt(step)
            case Interrupt():
                data = self._session.interrupt()
                if data is None:
                    raise CaseError("this form has no interrupt")
                self._note("interrupt")
                self._child.send(data)
            case Answer(answer=answer):
                request_id = self._open.pop(0)
                self._note("answer", requestId=request_id, answer=_on_wire(answer))
                self._child.send(self._session.answer(request_id, answer))
            case Eof():
                self._close()
            case Signal(name=name):
                self._note("signal", name=name)
                self._child.signal(step.number)

    def _prompt(self, step: Prompt) -> None:
        text = step.whole()
        if len(text.encode()) > LONG_PROMPT:
            if not step.repeat:
                raise CaseError("a prompt over 64 KiB must be given as a pattern")
            self._note("prompt", text={"repeat": step.repeat, "bytes": step.size})
        else:
            self._note("prompt", text=text)
        self._child.send(self._session.prompt(text))
        if self._session.close_after_prompt:
            self._child.close_stdin()
            self._closed = True

    def _close(self) -> None:
        if not self._closed:
            self._closed = True
            self._note("eof")
            self._child.close_stdin()

    def _note(self, do: str, **fields: Any) -> None:
        self.log.append({"do": do, **fields, "afterLine": self._lines})

    def _wait(self, when: When) -> bool:
        """Wait until `when` holds. False if the process ended first."""
        deadline = time.monotonic() + when.within
        while not self._holds(when):
            if time.monotonic() > deadline:
                last = self._since[-1].data[:300] if self._since else b""
                raise CaseError(f"waited in vain for {when}; last line {last!r}")
            if self._child.finished():
                return self._holds(when)
            self._pump()
        return True

    def _holds(self, when: When) -> bool:
        if when.line and self._count("stdout", when.line) < when.count:
            return False
        if when.stderr and self._count("stderr", when.stderr) < when.count:
            return False
        if when.event:
            found = sum(event_type(event) == when.event for event in self._events)
            if found < when.count:
                return False
        if when.quiet and time.monotonic() - self._last_stdout < when.quiet:
            return False
        return not when.process or self._child.has_descendant(when.process)

    def _count(self, stream: str, text: str) -> int:
        needle = text.encode()
        return sum(line.stream == stream and needle in line.data for line in self._since)

    def _pump(self) -> None:
        """Read one line, if one comes soon, and do what the protocol asks."""
        line = self._child.next_line(0.05)
        if line is None:
            return
        self._since.append(line)
        if line.stream == "stderr":
            return
        self._lines += 1
        self._last_stdout = time.monotonic()
        received = self._session.receive(line.data)
        self._child.send(received.send)
        self._events += received.events
        for event in received.events:
            if isinstance(event, PermissionRequested):
                self._open.append(event.request_id)
            elif isinstance(event, TurnCompleted) and self._form is Form.ONE_SHOT:
                self._close()


def _on_wire(answer: PermissionAnswer) -> dict[str, Any]:
    fields: dict[str, Any] = {"allow": answer.allow}
    if answer.message is not None:
        fields["message"] = answer.message
    if answer.updated_input is not None:
        fields["updatedInput"] = answer.updated_input
    if answer.interrupt:
        fields["interrupt"] = True
    return fields


def session_id(stdout: bytes) -> str:
    """The first session id in a CLI's output; CaseError if there is none."""
    found = _SESSION_ID.search(stdout)
    if not found:
        raise CaseError("the first process named no session id")
    return found.group(1).decode()
