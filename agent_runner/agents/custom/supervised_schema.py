"""The protocol of supervised tools, as runbooks/approval-protocol.md has it: JSON lines. No I/O.

Four outcomes of a line that a tool prints:

    None            no event of this protocol: ordinary text, or JSON of another kind
    Heartbeat       the tool is alive
    ApprovalNeeded  it asks a person, and will exit
    Broken          it was meant as an event and does not fit; the tool goes on
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from agent_runner.decoding.decode import Broken, Drift, Family, Line, decode_object, shown
from agent_runner.emitter import (
    LINE_BYTES,
    MOST_LEVELS,
    MOST_OPTIONS,
    OPTION_BYTES,
    QUESTION_BYTES,
)

MOST_ANSWERS = 50
"""Questions that one run may have had answered: they travel in one environment variable, which
Linux takes up to 128 KiB of."""

MESSAGE_CHARACTERS = 400
"""A person's message in the environment; the whole of it is in the approval."""


class Choice(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """One of the answers that a tool offers."""

    option_id: str
    name: str


class Heartbeat(Line, tag_field="event", tag="heartbeat"):
    """The tool is alive."""


class ApprovalNeeded(Line, tag_field="event", tag="approval_needed"):
    """A question to a person, as it stands in the line."""

    question: str
    options: list[Choice | str] | None = None
    context: dict[str, Any] | None = None

    @property
    def input(self) -> dict[str, Any]:
        """What the question's hash is of, together with the tool name `approval`."""
        return {
            "question": self.question,
            "options": msgspec.to_builtins(self.options),
            "context": self.context,
        }

    @property
    def choices(self) -> list[Choice]:
        """The options, each with its id and name; a mere text is both."""
        return [
            Choice(option, option) if isinstance(option, str) else option
            for option in self.options or ()
        ]


EVENTS = Family(
    {"heartbeat": Heartbeat, "approval_needed": ApprovalNeeded}, tag="event", exact=True
)
"""Exact, for the answer to a question is for just that question."""

_CONTROL = re.compile("[\0-\x1f\x7f]")
_CONTROL_BUT_LINES = re.compile("[\0-\x08\x0b-\x1f\x7f]")
_NAMES = (b"approval_needed", b"heartbeat")


def may_hold_event(line: bytes) -> bool:
    """True if a line may have an event somewhere in it."""
    return b'"event"' in line and any(name in line for name in _NAMES)


def decode(line: bytes, drift: Drift) -> Heartbeat | ApprovalNeeded | Broken | None:
    """What a line (without its newline), or an object in one, of stderr or a JSON stdout says."""
    if line.lstrip(b"\xef\xbb\xbf \t\r")[:1] != b"{":
        return None
    meant = may_hold_event(line)
    if len(line) > LINE_BYTES:
        return Broken(f"over {LINE_BYTES} bytes", shown(line)) if meant else None
    data = decode_object(line)
    if not isinstance(data, dict):
        return data if meant else None
    if data.get("event") not in ("heartbeat", "approval_needed"):
        return None
    event: Heartbeat | ApprovalNeeded | Broken = EVENTS.convert(data, drift, line)
    if isinstance(event, ApprovalNeeded):
        wrong = _wrong(event)
        return Broken(f"approval_needed: {wrong}", shown(line)) if wrong else event
    return event


def registered(approval_id: str) -> bytes:
    """The line that tells a tool that its question is recorded."""
    event = {"event": "approval_registered", "approvalId": approval_id}
    return msgspec.json.encode(event) + b"\n"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A decided question of a run. `hash` is that of the question's tool and input."""

    hash: str
    approval_id: str
    decision: Literal["approve", "reject"]
    option_id: str | None = None
    message: str | None = None


def arguments(answers: Sequence[Answer]) -> list[str]:
    """What follows the tool's original arguments when it is started again."""
    return ["--approval-id", answers[-1].approval_id]


def environment(answers: Sequence[Answer]) -> dict[str, str]:
    """The variables of a tool that is started again: the last answer's, and all together.

    `answers` are the decided ones of the run in their order, at least one and at most
    MOST_ANSWERS.
    """
    last = answers[-1]
    every = {
        answer.hash: {
            "approvalId": answer.approval_id,
            "decision": answer.decision,
            "optionId": answer.option_id,
            "message": _message(answer),
        }
        for answer in answers
    }
    return {
        "AGENT_RUNNER_APPROVALS": msgspec.json.encode(every).decode(),
        "AGENT_RUNNER_APPROVAL_ID": last.approval_id,
        "AGENT_RUNNER_APPROVAL_HASH": last.hash,
        "AGENT_RUNNER_APPROVAL_DECISION": last.decision,
        "AGENT_RUNNER_APPROVAL_OPTION": last.option_id or "",
        "AGENT_RUNNER_APPROVAL_MESSAGE": _message(last),
    }


def _message(answer: Answer) -> str:
    """No variable can hold a NUL, and JSON makes six characters of each control character."""
    return _CONTROL_BUT_LINES.sub(" ", (answer.message or "")[:MESSAGE_CHARACTERS])


def _wrong(event: ApprovalNeeded) -> str | None:
    """What is over a limit of the protocol."""
    if not event.question.strip() or len(event.question.encode()) > QUESTION_BYTES:
        return f"the question does not have from 1 to {QUESTION_BYTES} bytes"
    choices = event.choices
    if event.options is not None and not 1 <= len(choices) <= MOST_OPTIONS:
        return f"there are not from 1 to {MOST_OPTIONS} options"
    if len({choice.option_id for choice in choices}) < len(choices):
        return "two options have one id"
    for text in (text for choice in choices for text in (choice.option_id, choice.name)):
        if not text.strip() or len(text.encode()) > OPTION_BYTES or _CONTROL.search(text):
            return f"an option's id or name is no text of 1 to {OPTION_BYTES} bytes on one line"
    return _unfit(event.context)


def _unfit(context: dict[str, Any] | None) -> str | None:
    level: list[Any] = [context]
    for _ in range(MOST_LEVELS):
        if not level:
            return None
        for item in level:
            if isinstance(item, int) and not -(2**63) <= item < 2**63:
                return "the context has a number beyond 64 bits"
        level = [
            inner
            for item in level
            if isinstance(item, (dict, list))
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
    return f"the context is nested in over {MOST_LEVELS} levels" if level else None
