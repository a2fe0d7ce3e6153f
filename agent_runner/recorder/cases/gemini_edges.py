"""Gemini CLI, one process per prompt: sizes, odd prompts, signals and silence."""

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
_YOLO = {"permissionMode": "yolo"}

EDGES = (
    Case(
        name="big-answer",
        about="five megabytes over a pipe: the CLI leaves before the pipe is empty, with exit 0",
        steps=oneshot(),
        replies=(Reply([Text(size=BIG, chunk=BIG_CHUNK)]),),
        exit=None,
        within=180,
    ),
    Case(
        name="big-answer-file",
        about="five megabytes with a file as stdout: all of it arrives",
        steps=oneshot(),
        replies=(Reply([Text(size=BIG, chunk=BIG_CHUNK)]),),
        stdout_file=True,
        expect=('"type":"result"',),
        within=180,
    ),
    Case(
        name="big-prompt",
        about="a prompt of two megabytes, repeated on stdout and cut there as well",
        steps=(Prompt(repeat=LONG_PROMPT, size=2_000_000),),
        replies=(text("Read it."),),
        exit=None,
        within=180,
    ),
    Case(
        name="big-prompt-file",
        about="a prompt of two megabytes with a file as stdout",
        steps=(Prompt(repeat=LONG_PROMPT, size=2_000_000),),
        replies=(text("Read it."),),
        stdout_file=True,
        expect=("Read it.",),
        within=180,
    ),
    Case(
        name="prompt-dash",
        about="a prompt that looks like an option",
        steps=oneshot("--help me"),
        replies=(HELLO,),
        expect=("from the ",),
    ),
    Case(
        name="prompt-empty",
        about="a prompt of no characters",
        steps=oneshot(""),
        replies=(HELLO,),
        expect=("No input provided",),
        exit=42,
    ),
    Case(
        name="prompt-slash",
        about="a prompt that is no slash command the CLI knows",
        steps=oneshot("/no-such-command please"),
        replies=(HELLO,),
        exit=None,
    ),
    Case(
        name="prompt-at",
        about="a prompt that names a file in the CLI's own way",
        steps=oneshot("what does @a.txt say"),
        replies=(HELLO,),
        expect=("from the ",),
    ),
    Case(
        name="sigterm-tool",
        about="SIGTERM while a command runs: the command may live on",
        options=_YOLO,
        steps=(Prompt("hello"), Signal("SIGTERM", _IN_TOOL)),
        replies=_SLEEP,
        exit=None,
    ),
    Case(
        name="sigint-tool",
        about="SIGINT while a command runs",
        options=_YOLO,
        steps=(Prompt("hello"), Signal("SIGINT", _IN_TOOL)),
        replies=_SLEEP,
        exit=None,
    ),
    Case(
        name="sigkill-tool",
        about="SIGKILL while a command runs: the command lives on",
        options=_YOLO,
        steps=(Prompt("hello"), Signal("SIGKILL", _IN_TOOL)),
        replies=_SLEEP,
        exit=-9,
    ),
    Case(
        name="sigterm-text",
        about="SIGTERM while the answer is being written",
        steps=(Prompt("hello"), Signal("SIGTERM", _IN_TEXT)),
        replies=(TICKS,),
        exit=None,
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
        exit=None,
    ),
)
