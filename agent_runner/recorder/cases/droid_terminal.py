"""Factory Droid in its own terminal UI: the lines are those of the terminal driver."""

from __future__ import annotations

from agent_runner.agents.base import Form, PermissionAnswer
from agent_runner.recorder.cases.case import (
    Answer,
    Case,
    Eof,
    First,
    Interrupt,
    Prompt,
    Step,
    When,
)
from agent_runner.recorder.cases.shared import HELLO, TICKS, WAIT, fails, text
from agent_runner.recorder.models import Reply, Shell, Text, Think, Write

_DONE = When(event="turn.completed")
_ASKS = (Reply([Text("May I?"), Shell("touch made.txt && ls", risk="high")]), text("Carried on."))


def _terminal(
    name: str, about: str, *steps: Step, replies: tuple[Reply, ...], **more: object
) -> Case:
    """A case whose UI is closed after one more turn."""
    return Case(
        name=f"terminal-{name}",
        about=about,
        form=Form.TERMINAL,
        steps=(*steps, Eof(_DONE)),
        replies=replies,
        **more,  # type: ignore[arg-type]
    )


TERMINAL = (
    _terminal("text", "a plain answer", Prompt("hello"), replies=(HELLO,)),
    _terminal(
        "thinking",
        "reasoning before the answer",
        Prompt("hello"),
        replies=(Reply([Think("Let me think."), Text("Thought about it.")]),),
    ),
    _terminal(
        "turns",
        "three turns, the second with a tool",
        Prompt("one"),
        Prompt("two", _DONE),
        Prompt("three", _DONE),
        options={"permissionMode": "high"},
        replies=(text("One."), Reply([Shell("echo tool")]), text("Two."), text("Three.")),
    ),
    _terminal(
        "permission-allowed",
        "a question, answered with yes",
        Prompt("hello"),
        Answer(PermissionAnswer(allow=True)),
        replies=_ASKS,
        expect=("made.txt", "Carried on."),
    ),
    _terminal(
        "permission-denied",
        "a question, answered with no",
        Prompt("hello"),
        Answer(PermissionAnswer(allow=False)),
        replies=_ASKS,
    ),
    _terminal(
        "permission-write",
        "a question about a new file",
        Prompt("hello"),
        Answer(PermissionAnswer(allow=True)),
        replies=(Reply([Write("{cwd}/out.txt", "written\n")]), text("Wrote it.")),
        expect=("out.txt", "Wrote it."),
    ),
    _terminal(
        "interrupt-text",
        "an interrupt while the answer is being written; the next turn works",
        Prompt("hello"),
        Interrupt(When(line='"delivered"', quiet=1.5)),
        Prompt("again", _DONE),
        replies=(TICKS, text("Still here.")),
        expect=("Still here.",),
    ),
    _terminal(
        "interrupt-tool",
        "an interrupt while a command runs; the next turn works",
        Prompt("hello"),
        Interrupt(When(process=WAIT)),
        Prompt("again", _DONE),
        options={"permissionMode": "high"},
        replies=(Reply([Shell(WAIT)]), text("Still here.")),
        expect=("Still here.",),
    ),
    _terminal(
        "interrupt-permission",
        "an interrupt while a question is open; the next turn works",
        Prompt("hello"),
        Interrupt(When(line="permission_prompt")),
        Prompt("again", _DONE),
        replies=(_ASKS[0], text("Still here.")),
        expect=("Still here.",),
    ),
    _terminal(
        "resume",
        "the UI goes on with the session of a one-shot process",
        Prompt("second"),
        first=First(steps=(Prompt("first"),), replies=(text("First answer."),)),
        replies=(text("Second answer."),),
        expect=("Second answer.",),
    ),
    Case(
        name="terminal-session-unknown",
        about="resuming a session that does not exist",
        form=Form.TERMINAL,
        resume="00000000-0000-4000-8000-000000000000",
        steps=(Prompt("hello"),),
        expect=("session",),
        exit=None,
    ),
    *(
        _terminal(
            f"http-{status}",
            f"the model's API answers {status}",
            Prompt("hello"),
            replies=(fails(status),),
        )
        for status in (400, 401, 404)
    ),
)
