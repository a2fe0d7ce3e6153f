"""A recorded conversation with a CLI, decoded again: the golden tests and the recorder.

`command` is the recording's `command` file:

    {"argv": [...], "form": "one-shot" | "warm", "options": {AgentOptions},
     "resume": str | null, "steps": [{"do": ..., "afterLine": N, ...}]}

A step is done once N lines were read: `prompt` {text, attachments}, `steer` {text},
`reconfigure` {options}, `interrupt`, `answer` {requestId, answer}, `eof`, `signal` {name}.
A long prompt is {"repeat": piece, "bytes": N}.
"""

from __future__ import annotations

from typing import Any

import msgspec

from agent_runner.agents.attachments import Attachment
from agent_runner.agents.base import (
    AgentOptions,
    CliProtocol,
    Exit,
    Form,
    PermissionAnswer,
    Received,
)
from agent_runner.agents.registry import adapter_for
from agent_runner.decoding.decode import Drift
from agent_runner.events.base import AgentEvent


class WireAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A PermissionAnswer as a recording holds it."""

    allow: bool
    message: str | None = None
    updated_input: dict[str, Any] | None = None
    interrupt: bool = False


def decode_recording(
    adapter_type: str,
    command: dict[str, Any],
    lines: list[bytes],
    exit: Exit,  # noqa: A002
    drift: Drift | None = None,
) -> list[AgentEvent]:
    """The events of a recording: of its lines in order, then of the process's end.

    What the protocol would send is thrown away; what its schemas do not know is counted in
    `drift`. Raises BadRequestError for an unknown type
    and KeyError for an answer to a question that is not open.
    """
    options = msgspec.convert(command.get("options") or {"cwd": "/"}, AgentOptions)
    form = Form(command["form"])
    protocol = adapter_for(adapter_type).protocol(options, form, resume=command.get("resume"))
    protocol.open()
    steps: list[dict[str, Any]] = list(command.get("steps") or [])
    events: list[AgentEvent] = []
    for count, line in enumerate(lines):
        while steps and steps[0].get("afterLine", 0) <= count:
            _take(protocol, steps.pop(0))
        received: Received | None = protocol.receive(line)
        while received is not None:
            events.extend(received.events)
            received = received.rest
    for step in steps:
        _take(protocol, step)
    events.extend(protocol.finish(exit))
    if drift is not None:
        drift.update(protocol.drift)
    return events


def _take(protocol: CliProtocol, step: dict[str, Any]) -> None:
    """Do one step; `eof` and `signal` concern the process, not the protocol."""
    match step["do"]:
        case "prompt":
            attachments = msgspec.convert(step.get("attachments", []), list[Attachment])
            protocol.prompt(_text(step["text"]), attachments)
        case "steer":
            protocol.steer(step["text"])
        case "reconfigure":
            protocol.reconfigure(msgspec.convert(step["options"], AgentOptions))
        case "interrupt":
            protocol.interrupt()
        case "answer":
            wire = msgspec.convert(step["answer"], WireAnswer)
            protocol.answer(
                step["requestId"],
                PermissionAnswer(
                    allow=wire.allow,
                    message=wire.message,
                    updated_input=wire.updated_input,
                    interrupt=wire.interrupt,
                ),
            )
        case "eof" | "signal":
            pass
        case other:
            raise ValueError(f"a recording has no step {other!r}")


def _text(text: str | dict[str, Any]) -> str:
    if isinstance(text, str):
        return text
    piece, size = text["repeat"], text["bytes"]
    return str(piece * (size // len(piece.encode()) + 1))[:size]
