"""Claude Code, one process per prompt: sizes, odd prompts, signals and silence."""

from __future__ import annotations

from agent_runner.recorder.cases.case import Case, Prompt, Signal, When, oneshot
from agent_runner.recorder.cases.shared import (
    BIG,
    BIG_CHUNK,
    HELLO,
    LONG_PROMPT,
    SILENCE,
    TICKS,
    WAIT,
    text,
)
from agent_runner.recorder.models import Reply, Shell, Text

_SLEEP = (Reply([Text("Sleeping."), Shell(WAIT)]), text("Slept."))
_IN_TOOL = When(process=WAIT)
_IN_TEXT = When(line="tick", count=3)

EDGES = (
    Case(
        name="big-answer",
        about="five megabytes in the adapter's one-shot form",
        steps=oneshot(),
        replies=(Reply([Text(size=BIG, chunk=BIG_CHUNK)]),),
        expect=('"type":"result"',),
        within=180,
    ),
    Case(
        name="big-answer-plain",
        about="five megabytes with the prompt as plain text and stdin closed at once",
        argv=("-p", "--output-format", "stream-json", "--verbose"),
        steps=oneshot(),
        replies=(Reply([Text(size=BIG, chunk=BIG_CHUNK)]),),
        within=180,
    ),
    Case(
        name="big-prompt",
        about="a prompt of two megabytes",
        steps=(Prompt(repeat=LONG_PROMPT, size=2_000_000),),
        replies=(text("Read it."),),
        expect=("Read it.",),
        within=180,
    ),
    Case(
        name="prompt-dash",
        about="a prompt that looks like an option",
        steps=oneshot("--help me"),
        replies=(HELLO,),
        expect=("Hello from the model.",),
    ),
    Case(
        name="prompt-empty",
        about="a prompt of no characters",
        steps=oneshot(""),
        replies=(HELLO,),
        exit=None,
    ),
    Case(
        name="prompt-slash",
        about="a prompt that is no slash command the CLI knows",
        steps=oneshot("/no-such-command please"),
        replies=(HELLO,),
        exit=None,
    ),
    Case(
        name="sigterm-tool",
        about="SIGTERM while a command runs",
        options={"allowedTools": ["Bash"]},
        steps=(Prompt("hello"), Signal("SIGTERM", _IN_TOOL)),
        replies=_SLEEP,
        exit=143,
    ),
    Case(
        name="sigint-tool",
        about="SIGINT while a command runs",
        options={"allowedTools": ["Bash"]},
        steps=(Prompt("hello"), Signal("SIGINT", _IN_TOOL)),
        replies=_SLEEP,
        exit=None,
    ),
    Case(
        name="sigkill-tool",
        about="SIGKILL while a command runs: the command lives on",
        options={"allowedTools": ["Bash"]},
        steps=(Prompt("hello"), Signal("SIGKILL", _IN_TOOL)),
        replies=_SLEEP,
        exit=-9,
    ),
    Case(
        name="sigterm-text",
        about="SIGTERM while the answer is being written",
        steps=(Prompt("hello"), Signal("SIGTERM", _IN_TEXT)),
        replies=(TICKS,),
        exit=143,
    ),
    Case(
        name="sigint-text",
        about="SIGINT while the answer is being written",
        steps=(Prompt("hello"), Signal("SIGINT", _IN_TEXT)),
        replies=(TICKS,),
        exit=None,
    ),
    Case(
        name="stalled",
        about="the model stops in mid-stream; SIGTERM after six silent seconds",
        steps=(Prompt("hello"), Signal("SIGTERM", When(line="Before the stall", quiet=6))),
        replies=(SILENCE,),
        exit=143,
    ),
)
