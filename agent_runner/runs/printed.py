"""What a CLI's process has printed, read again from the raw logs of its turns."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path

import msgspec

from agent_runner.agents.base import AgentOptions, CliProtocol, Exit, Form, Received
from agent_runner.agents.registry import adapter_for
from agent_runner.agents.unfinished import Unfinished
from agent_runner.events.base import AgentEvent
from agent_runner.events.message import TurnCompleted
from agent_runner.process.lines import LineFramer, OversizeLine
from agent_runner.process.raw_log import overwrite
from agent_runner.process.redact import Redactor
from agent_runner.runners.text_mask import TextMask

_CHUNK = 1 << 20


class Printed(msgspec.Struct):
    """The events of one turn, and those of what worked behind any, each in their order."""

    own: list[AgentEvent]
    background: list[AgentEvent]


class Printing(msgspec.Struct, frozen=True, kw_only=True):
    """The process that printed, by what is known of it."""

    agent_type: str
    options: AgentOptions
    form: str | None
    session_id: str | None
    secrets: Sequence[str]
    line_limit: int

    def protocol(self) -> CliProtocol:
        """A protocol session as the process had, before its first turn."""
        adapter = adapter_for(self.agent_type)
        form = Form(self.form) if self.form in list(Form) else adapter.forms[0]
        protocol = adapter.protocol(self.options, form, resume=self.session_id)
        protocol.open()
        return protocol


def read(printing: Printing, logs: Sequence[Path], turn: int) -> Printed:
    """Every event of the logs, one for each turn; `turn` is the index of the one that is wanted.

    The process is taken to have ended with the last of them. A log that is not there is passed
    over: FileNotFoundError if that is the log of `turn`.
    """
    protocol = printing.protocol()
    unfinished, mask = Unfinished(), TextMask(printing.secrets)
    printed = Printed([], [])
    own: list[AgentEvent] = []

    def take(received: Received | None) -> None:
        while received is not None:
            into = own if received.background_turn is None else printed.background
            events = mask.events(received.events)
            unfinished.take(events, received.background_turn)
            for event in events:
                if isinstance(event, TurnCompleted):
                    into += _cut(unfinished, event, received.background_turn)
                if not event.ephemeral:
                    into.append(event)
            received = received.rest

    for index, path in enumerate(logs):
        protocol.prompt("")
        own = []
        with suppress(FileNotFoundError) if index != turn else nullcontext():
            for line in _lines(path, printing):
                if isinstance(line, OversizeLine):
                    take(protocol.receive_oversize(line.kept))
                else:
                    take(protocol.receive(line))
        if index == turn:
            printed.own = own
    take(protocol.finish_background())
    printed.background += unfinished.end_background(partial=True, helpers=True)
    held, rest = mask.end(protocol.finish(Exit(code=None)))
    unfinished.take(held)
    last = unfinished.end(rest)
    own += (event for event in last if not isinstance(event, TurnCompleted))
    return printed


def _cut(
    unfinished: Unfinished, turn_result: TurnCompleted, background_turn: int | None
) -> list[AgentEvent]:
    """What a turn that is over left open."""
    if background_turn is None:
        return unfinished.end_turn(partial=not turn_result.ok)
    return unfinished.end_background(partial=not turn_result.ok, helpers=False)


def _lines(path: Path, printing: Printing) -> Iterator[bytes | OversizeLine]:
    """The log's lines; what a program wrote by itself and nobody masked yet is masked."""
    redactor = Redactor(list(printing.secrets))
    framer = LineFramer(printing.line_limit)
    at = 0
    with open(path, "rb", opener=_open_regular) as file:
        while chunk := file.read(_CHUNK):
            clear = redactor.feed(chunk)
            yield from framer.feed(clear)
            at = _mask(path, at, clear)
    rest = redactor.flush()
    _mask(path, at, rest)
    yield from framer.feed(rest)
    yield from framer.flush()


def _open_regular(path: str, flags: int) -> int:
    """A file that is there by itself: neither what a link leads to, nor something to wait for."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is no regular file")
    return descriptor


def _mask(path: Path, at: int, clear: bytes) -> int:
    if b"*" in clear:
        overwrite(path, at, clear)
    return at + len(clear)
