"""Gemini CLI, one process per conversation, over the Agent Client Protocol."""

from __future__ import annotations

from typing import Any

from agent_runner.agents.base import Form, PermissionAnswer
from agent_runner.recorder.cases.case import (
    Answer,
    Case,
    Eof,
    First,
    Interrupt,
    Prompt,
    Signal,
    Step,
    When,
)
from agent_runner.recorder.cases.shared import (
    BIG,
    BIG_CHUNK,
    HELLO,
    LONG_PROMPT,
    MCP_SERVER,
    TICKS,
    UNICODE,
    WAIT,
    text,
)
from agent_runner.recorder.models import Read, Reply, Shell, Text, Think, Tool, Write

_END = When(line='"stopReason"')
_ASKED = When(line="session/request_permission")
_ASKS = (Reply([Text("May I?"), Shell("touch made.txt && ls")]), text("Carried on."))
_SLEEP = (Reply([Shell(WAIT)]), text("Awake."))
# Session files are named by the minute: a load within that of its creation finds an empty file.
_MINUTE = 61.0
_YOLO = {"permissionMode": "yolo"}


def _warm(name: str, about: str, *steps: Step, replies: tuple[Reply, ...], **more: Any) -> Case:
    """A case whose stdin is closed after one more answer to a prompt."""
    more.setdefault("exit", None)
    return Case(
        name=name,
        about=about,
        form=Form.WARM,
        steps=(*steps, Eof(_END)),
        replies=replies,
        **more,
    )


WARM = (
    _warm("warm-text", "a plain answer", Prompt("hello"), replies=(HELLO,)),
    _warm(
        "warm-unicode",
        "characters that break careless line splitting, in prompt and answer",
        Prompt(UNICODE),
        replies=(text(UNICODE),),
    ),
    _warm(
        "warm-thinking",
        "visible reasoning before the answer",
        Prompt("hello"),
        replies=(Reply([Think("Let me think."), Text("Thought about it.")]),),
        expect=("agent_thought_chunk",),
    ),
    _warm(
        "warm-turns",
        "three turns, the second with a tool",
        Prompt("one"),
        Prompt("two", _END),
        Prompt("three", _END),
        options=_YOLO,
        replies=(text("One."), Reply([Shell("echo tool")]), text("Two."), text("Three.")),
    ),
    Case(
        name="warm-queued",
        about="a second prompt while the first is being answered",
        form=Form.WARM,
        steps=(
            Prompt("one"),
            Prompt("two", When(line="tick", count=2)),
            Eof(When(line='"stopReason"', count=2)),
        ),
        replies=(Reply([Text("tick " * 10, chunk=5, gap=0.1)]), text("Two.")),
        exit=None,
    ),
    Case(
        name="warm-eof-early",
        about="stdin closed while the turn runs",
        form=Form.WARM,
        steps=(Prompt("one"), Eof(When(line="tick", count=2))),
        replies=(Reply([Text("tick " * 10, chunk=5, gap=0.1)]),),
        exit=None,
    ),
    _warm(
        "warm-tools",
        "shell, a missing file, a new file, an edit, nobody asked",
        Prompt("hello"),
        options=_YOLO,
        replies=(
            Reply([Shell("echo one"), Read("{cwd}/missing.txt")]),
            Reply([Write("{cwd}/out.txt", "written\n")]),
            Reply(
                [
                    Tool(
                        "replace",
                        {
                            "file_path": "{cwd}/a.txt",
                            "old_string": "beta",
                            "new_string": "gamma",
                            "instruction": "Rename the second letter.",
                        },
                    )
                ]
            ),
            text("Done."),
        ),
        expect=("gamma", "Done."),
    ),
    Case(
        name="warm-mcp-tool",
        about="a tool of an MCP server; with one the CLI does not end when stdin is closed",
        form=Form.WARM,
        steps=(Prompt("hello"), Eof(_END), Signal("SIGTERM", When(quiet=5))),
        options={
            **_YOLO,
            "mcpServers": {"tiny": {"command": "python3", "args": ["{cwd}/server.py"]}},
        },
        files={"server.py": MCP_SERVER},
        replies=(Reply([Tool("mcp_tiny_greet", {})]), text("Greeted.")),
        expect=("greetings",),
        exit=None,
    ),
    _warm(
        "permission-allowed",
        "a question, answered with yes",
        Prompt("hello"),
        Answer(PermissionAnswer(allow=True)),
        replies=_ASKS,
        expect=("Carried on.",),
    ),
    _warm(
        "permission-denied",
        "a question, answered with no",
        Prompt("hello"),
        Answer(PermissionAnswer(allow=False, message="The user says no.")),
        replies=_ASKS,
    ),
    _warm(
        "permission-denied-interrupt",
        "a question, answered with no and stop",
        Prompt("hello"),
        Answer(PermissionAnswer(allow=False, interrupt=True)),
        replies=_ASKS,
    ),
    _warm(
        "permission-write",
        "a question about a new file",
        Prompt("hello"),
        Answer(PermissionAnswer(allow=True)),
        replies=(Reply([Write("{cwd}/out.txt", "written\n")]), text("Wrote it.")),
        expect=("out.txt", "Wrote it."),
    ),
    _warm(
        "permission-two",
        "two questions in one turn, one yes and one no",
        Prompt("hello"),
        Answer(PermissionAnswer(allow=True)),
        Answer(PermissionAnswer(allow=False)),
        replies=(Reply([Shell("touch one.txt"), Shell("touch two.txt")]), text("Done.")),
    ),
    Case(
        name="permission-eof",
        about="stdin closed while a question is open",
        form=Form.WARM,
        steps=(Prompt("hello"), Eof(_ASKED)),
        replies=_ASKS,
        exit=None,
    ),
    _warm(
        "interrupt-text",
        "an interrupt while the answer is being written; the next turn works",
        Prompt("hello"),
        Interrupt(When(line="tick", count=3)),
        Prompt("again", _END),
        replies=(TICKS, text("Still here.")),
        expect=("Still here.",),
    ),
    _warm(
        "interrupt-tool",
        "an interrupt while a command runs; the next turn works",
        Prompt("hello"),
        Interrupt(When(process=WAIT)),
        Prompt("again", _END),
        options=_YOLO,
        replies=(_SLEEP[0], text("Still here.")),
        expect=("Still here.",),
    ),
    _warm(
        "interrupt-permission",
        "an interrupt while a question is open; the next turn works",
        Prompt("hello"),
        Interrupt(_ASKED),
        Prompt("again", _END),
        replies=(_ASKS[0], text("Still here.")),
        expect=("Still here.",),
    ),
    _warm(
        "warm-resume",
        "a second process loads the session of a first: old messages are replayed",
        Prompt("second"),
        first=First(
            steps=(Prompt("first"), Eof(_END)),
            replies=(text("First answer."),),
            form=Form.WARM,
            pause=_MINUTE,
        ),
        replies=(text("Second answer."),),
        expect=("Second answer.", "First answer."),
        slow=True,
    ),
    _warm(
        "warm-resume-one-shot",
        "a warm process loads the session of a one-shot one",
        Prompt("second"),
        first=First(steps=(Prompt("first"),), replies=(text("First answer."),), pause=_MINUTE),
        replies=(text("Second answer."),),
        expect=("Second answer.",),
        slow=True,
    ),
    Case(
        name="warm-resume-same-minute",
        about="a session loaded within the minute it began in: the CLI overwrites its file",
        form=Form.WARM,
        first=First(
            steps=(Prompt("first"), Eof(_END)),
            replies=(text("First answer."),),
            form=Form.WARM,
        ),
        steps=(Prompt("second"), Eof(When(line='"error":'))),
        exit=None,
    ),
    Case(
        name="warm-session-unknown",
        about="loading a session that does not exist",
        form=Form.WARM,
        resume="00000000-0000-4000-8000-000000000000",
        steps=(Prompt("hello"), Eof(When(line='"error":'))),
        exit=None,
    ),
    _warm(
        "warm-big-answer",
        "five megabytes",
        Prompt("hello"),
        replies=(Reply([Text(size=BIG, chunk=BIG_CHUNK)]),),
        within=180,
    ),
    _warm(
        "warm-big-prompt",
        "a prompt of two megabytes",
        Prompt(repeat=LONG_PROMPT, size=2_000_000),
        replies=(text("Read it."),),
        expect=("Read it.",),
        within=180,
    ),
    Case(
        name="warm-sigterm",
        about="SIGTERM to an idle warm process",
        form=Form.WARM,
        steps=(Prompt("hello"), Signal("SIGTERM", _END)),
        replies=(HELLO,),
        exit=None,
    ),
    Case(
        name="warm-sigkill",
        about="SIGKILL while the answer is being written",
        form=Form.WARM,
        steps=(Prompt("hello"), Signal("SIGKILL", When(line="tick", count=3))),
        replies=(TICKS,),
        exit=-9,
    ),
)
