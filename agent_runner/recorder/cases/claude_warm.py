"""Claude Code, one process per conversation, over its two-way protocol."""

from __future__ import annotations

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
    TICKS,
    UNICODE,
    WAIT,
    text,
)
from agent_runner.recorder.models import Reply, Shell, Sleep, Text, Tool, Write

_RESULT = When(line='"type":"result"')
_ASKS = (Reply([Text("May I?"), Shell("touch made.txt && ls")]), text("Carried on."))
_SLEEP = (Reply([Shell(WAIT)]), text("Awake."))


def _warm(name: str, about: str, *steps: Step, replies: tuple[Reply, ...], **more: object) -> Case:
    """A case whose stdin is closed after one more result."""
    ended = (*steps, Eof(_RESULT))
    return Case(name=name, about=about, form=Form.WARM, steps=ended, replies=replies, **more)  # type: ignore[arg-type]


_DEMO_BEGIN = (
    "Hello! This is a recording of Claude Code, played through the same runner, decoder, "
    "store and stream that a live agent uses. Let me look at the folder it was made in.\n"
)
_DEMO_END = (
    "The folder holds a few small files. No model was asked and your prompt was not read; "
    "register an agent of type claude-code, gemini or factory-droid for a real answer.\n"
)

WARM = (
    _warm(
        "warm-demo",
        "what the first chat plays: text in deltas, a shell tool, text",
        Prompt("What is this?"),
        options={"allowedTools": ["Bash"]},
        replies=(
            Reply([Text(_DEMO_BEGIN, chunk=12), Shell("ls -1")]),
            Reply([Text(_DEMO_END, chunk=12)]),
        ),
    ),
    _warm("warm-text", "a plain answer", Prompt("hello"), replies=(HELLO,)),
    _warm(
        "warm-unicode",
        "characters that break careless line splitting, in prompt and answer",
        Prompt(UNICODE),
        replies=(text(UNICODE),),
    ),
    _warm(
        "warm-turns",
        "three turns, the second with a tool",
        Prompt("one"),
        Prompt("two", _RESULT),
        Prompt("three", _RESULT),
        options={"allowedTools": ["Bash"]},
        replies=(text("One."), Reply([Shell("echo tool")]), text("Two."), text("Three.")),
    ),
    Case(
        name="warm-queued",
        about="a second prompt sent while the first is being answered",
        form=Form.WARM,
        steps=(
            Prompt("one"),
            Prompt("two", When(line="tick", count=2)),
            Eof(When(line='"type":"result"', count=2)),
        ),
        replies=(Reply([Text("tick " * 10, chunk=5, gap=0.1)]), text("Two.")),
    ),
    Case(
        name="warm-eof-early",
        about="stdin closed while the turn runs: the turn is finished first",
        form=Form.WARM,
        steps=(Prompt("one"), Eof(When(line="tick", count=2))),
        replies=(Reply([Text("tick " * 10, chunk=5, gap=0.1)]),),
    ),
    _warm(
        "permission-allowed",
        "a question, answered with yes",
        Prompt("hello"),
        Answer(PermissionAnswer(allow=True)),
        replies=_ASKS,
        expect=("made.txt",),
    ),
    _warm(
        "permission-denied",
        "a question, answered with no",
        Prompt("hello"),
        Answer(PermissionAnswer(allow=False, message="The user says no.")),
        replies=_ASKS,
        expect=("The user says no.", "Carried on."),
    ),
    _warm(
        "permission-denied-interrupt",
        "a question, answered with no and stop",
        Prompt("hello"),
        Answer(PermissionAnswer(allow=False, message="Stop here.", interrupt=True)),
        replies=_ASKS,
        exit=None,
    ),
    _warm(
        "permission-changed-input",
        "a question, answered with yes but another input",
        Prompt("hello"),
        Answer(PermissionAnswer(allow=True, updated_input={"command": "echo replaced"})),
        replies=_ASKS,
        expect=("replaced",),
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
        "two questions at once, one yes and one no",
        Prompt("hello"),
        Answer(PermissionAnswer(allow=True)),
        Answer(PermissionAnswer(allow=False, message="Not this one."), When(line="can_use_tool")),
        replies=(Reply([Shell("touch one.txt"), Shell("touch two.txt")]), text("Done.")),
        expect=("Not this one.",),
    ),
    Case(
        name="permission-eof",
        about="stdin closed while a question is open",
        form=Form.WARM,
        steps=(Prompt("hello"), Eof(When(line="can_use_tool"))),
        replies=_ASKS,
        exit=None,
    ),
    _warm(
        "interrupt-text",
        "an interrupt while the answer is being written; the next turn works",
        Prompt("hello"),
        Interrupt(When(line="tick", count=3)),
        Prompt("again", _RESULT),
        replies=(TICKS, text("Still here.")),
        expect=("Still here.",),
        exit=None,
    ),
    _warm(
        "interrupt-tool",
        "an interrupt while a command runs; the next turn works",
        Prompt("hello"),
        Interrupt(When(process=WAIT)),
        Prompt("again", _RESULT),
        options={"allowedTools": ["Bash"]},
        replies=(_SLEEP[0], text("Still here.")),
        expect=("Still here.",),
        exit=None,
    ),
    _warm(
        "interrupt-permission",
        "an interrupt while a question is open; the next turn works",
        Prompt("hello"),
        Interrupt(When(line="can_use_tool")),
        Prompt("again", _RESULT),
        replies=(_ASKS[0], text("Still here.")),
        expect=("Still here.",),
        exit=None,
    ),
    _warm(
        "warm-resume",
        "a warm process goes on with the session of a one-shot one",
        Prompt("second"),
        first=First(steps=(Prompt("first"),), replies=(text("First answer."),)),
        replies=(text("Second answer."),),
        expect=("Second answer.",),
    ),
    Case(
        name="warm-session-unknown",
        about="resuming a session that does not exist",
        form=Form.WARM,
        resume="00000000-0000-4000-8000-000000000000",
        steps=(Prompt("hello"),),
        expect=("No conversation found",),
        exit=None,
    ),
    _warm(
        "warm-background-task",
        "a command left in the background ends and starts a turn by itself",
        Prompt("hello"),
        Prompt("again", When(line="task-notification", within=90)),
        options={"allowedTools": ["Bash"]},
        replies=(
            Reply(
                [
                    Tool(
                        "Bash",
                        {
                            "command": "sleep 3; echo finished",
                            "description": "wait",
                            "run_in_background": True,
                        },
                    )
                ]
            ),
            text("Started it."),
            text("It has finished."),
            text("Again."),
        ),
        expect=("task_notification", "task-notification"),
    ),
    _warm(
        "warm-background-agent",
        "a helper works on after the answer, asks, and is told of in a turn of its own",
        Prompt("hello"),
        Answer(PermissionAnswer(allow=True), When(line="can_use_tool", within=90)),
        Prompt("again", When(line="task-notification", within=90)),
        replies=(
            Reply(
                [
                    Tool(
                        "Agent",
                        {
                            "description": "look",
                            "prompt": "Look around.",
                            "subagent_type": "general-purpose",
                            "run_in_background": True,
                        },
                    )
                ],
                match="hello",
            ),
            Reply([Sleep(2.0), Shell("touch made.txt && ls")], match="Look around."),
            Reply([Text("The helper works.")], match="launched"),
            Reply([Text("All is green.")], match="made.txt"),
            Reply([Text("The helper says: all is green.")], match="task-notification"),
            text("Again."),
        ),
        expect=("The helper says", "Again."),
    ),
    _warm(
        "warm-compact",
        "the conversation is compacted on request",
        Prompt("hello"),
        Prompt("more", _RESULT),
        Prompt("/compact", _RESULT),
        Prompt("again", _RESULT),
        replies=(
            HELLO,
            text("More."),
            text("<summary>They said hello.</summary>"),
            text("After."),
        ),
        expect=("compact_boundary",),
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
    _warm("warm-prompt-empty", "no text at all", Prompt(""), replies=(HELLO,), exit=None),
    Case(
        name="warm-sigterm",
        about="SIGTERM to an idle warm process",
        form=Form.WARM,
        steps=(Prompt("hello"), Signal("SIGTERM", _RESULT)),
        replies=(HELLO,),
        exit=143,
    ),
    Case(
        name="warm-sigkill",
        about="SIGKILL while the answer is being written",
        form=Form.WARM,
        steps=(Prompt("hello"), Signal("SIGKILL", When(line="tick", count=3))),
        replies=(TICKS,),
        exit=-9,
    ),
    _warm(
        "warm-tool",
        "a command that is allowed: nobody is asked",
        Prompt("hello"),
        options={"allowedTools": ["Bash"]},
        replies=(Reply([Shell("echo one")]), text("Done.")),
        expect=("Done.",),
    ),
)
