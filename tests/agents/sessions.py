"""Short ways to drive a session in a test."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from agent_runner.agents.base import AgentOptions, Exit, Form
from agent_runner.agents.registry import adapter_for


def hook(name: str, **event: Any) -> dict[str, Any]:
    """What a CLI's own UI tells by a hook, as the terminal driver passes it on."""
    return {"type": "hook", "id": 1, "event": {"hook_event_name": name, **event}}


def delivered(number: int) -> dict[str, Any]:
    """The terminal driver's word that prompt `number` was taken."""
    return {"type": "delivered", "id": number, "by": "hook", "attempts": 1}


class Driver:
    """A session, its events as plain objects, and what it sent as JSON objects."""

    def __init__(
        self, type_: str, form: Form, *, resume: str | None = None, **options: Any
    ) -> None:
        self.options = AgentOptions(cwd="/work", **options)
        self.session: Any = adapter_for(type_).protocol(self.options, form, resume=resume)
        self.sent: list[dict[str, Any]] = []
        self.note(self.session.open())

    def note(self, data: bytes | None) -> None:
        """Keep what was sent."""
        self.sent += [json.loads(line) for line in (data or b"").split(b"\n") if line]

    def prompt(self, text: str = "hello") -> None:
        """Send a prompt; plain text is kept as {"text": ...}."""
        data = self.session.prompt(text)
        if data == text.encode():
            self.sent.append({"text": text})
        else:
            self.note(data)

    def take(self, *messages: dict[str, Any] | str) -> list[dict[str, Any]]:
        """Receive messages; their events."""
        events: list[dict[str, Any]] = []
        for message in messages:
            line = message if isinstance(message, str) else json.dumps(message)
            received = self.session.receive(line.encode())
            self.note(received.send)
            events += [msgspec.to_builtins(event) for event in received.events]
        return events

    def end(self, code: int | None = 0, stderr: str = "") -> list[dict[str, Any]]:
        """The process is gone; the last events."""
        exit_ = Exit(code=code, stderr_tail=stderr)
        return [msgspec.to_builtins(event) for event in self.session.finish(exit_)]
