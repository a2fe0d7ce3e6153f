"""Gemini CLI, one process per prompt: what it does when the model answers."""

from __future__ import annotations

import json

from agent_runner.recorder.cases.case import Case, First, oneshot
from agent_runner.recorder.cases.shared import (
    HELLO,
    MCP_SERVER,
    UNICODE,
    text,
)
from agent_runner.recorder.models import Finish, Read, Reply, Shell, Text, Think, Tool, Write

_EDIT = Tool(
    "replace",
    {
        "file_path": "{cwd}/a.txt",
        "old_string": "beta",
        "new_string": "gamma",
        "instruction": "Rename the second letter.",
    },
)
_YOLO = {"permissionMode": "yolo"}


def _mcp(command: str, *arguments: str) -> str:
    """Settings with one MCP server, named tiny."""
    return json.dumps(
        {
            "security": {"auth": {"selectedType": "gemini-api-key"}},
            "privacy": {"usageStatisticsEnabled": False},
            "general": {"enableAutoUpdate": False},
            "mcpServers": {"tiny": {"command": command, "args": list(arguments)}},
        }
    )


ONE_SHOT = (
    Case(
        name="text",
        about="a plain answer",
        steps=oneshot(),
        replies=(HELLO,),
        expect=("from the ",),
    ),
    Case(
        name="model-auto",
        about="no model asked for: the CLI routes",
        steps=oneshot(),
        options={"model": None},
        replies=(HELLO,),
        expect=("from the ",),
    ),
    Case(
        name="unicode",
        about="characters that break careless line splitting, in prompt and answer",
        steps=oneshot(UNICODE),
        replies=(text(UNICODE),),
    ),
    Case(
        name="thinking",
        about="reasoning before the answer (this form prints none)",
        steps=oneshot(),
        replies=(Reply([Think("Let me think."), Text("Thought about it.")]),),
        expect=("Thought about it.",),
    ),
    Case(
        name="tool-loop",
        about="two shell calls, then an answer",
        steps=oneshot(),
        options=_YOLO,
        replies=(
            Reply([Text("Running."), Shell("echo one")]),
            Reply([Shell("echo two; cat a.txt")]),
            text("Done."),
        ),
        expect=("alpha", "Done."),
    ),
    Case(
        name="tool-failed",
        about="a command that ends with status 3",
        steps=oneshot(),
        options=_YOLO,
        replies=(Reply([Shell("echo out; echo err >&2; exit 3")]), text("It failed.")),
        expect=("It failed.",),
    ),
    Case(
        name="tools-parallel",
        about="three tool calls in one message, one of a missing file",
        steps=oneshot(),
        options=_YOLO,
        replies=(
            Reply([Read("{cwd}/a.txt"), Shell("echo parallel"), Read("{cwd}/missing.txt")]),
            text("Done."),
        ),
        expect=("parallel", "Done."),
    ),
    Case(
        name="tool-unknown",
        about="the model calls a tool that does not exist",
        steps=oneshot(),
        replies=(Reply([Tool("no_such_tool", {"x": 1})]), text("Oh.")),
        expect=("tool_not_registered",),
    ),
    Case(
        name="tool-bad-input",
        about="the model calls a tool with the wrong parameters",
        steps=oneshot(),
        replies=(Reply([Tool("read_file", {"nope": 1})]), text("Oh.")),
        expect=("Oh.",),
    ),
    Case(
        name="file-write",
        about="a new file",
        steps=oneshot(),
        options={"permissionMode": "auto_edit"},
        replies=(Reply([Write("{cwd}/out.txt", "written\n")]), text("Wrote it.")),
        expect=("out.txt", "Wrote it."),
    ),
    Case(
        name="file-edit",
        about="an edit of a file",
        steps=oneshot(),
        options={"permissionMode": "auto_edit"},
        replies=(Reply([Read("{cwd}/a.txt")]), Reply([_EDIT]), text("Edited.")),
        expect=("gamma", "Edited."),
    ),
    Case(
        name="tool-denied",
        about="a command in the default mode, which has no shell",
        steps=oneshot(),
        replies=(Reply([Shell("touch made.txt")]), text("I may not.")),
        expect=("I may not.",),
    ),
    Case(
        name="write-denied",
        about="a new file in the default mode",
        steps=oneshot(),
        replies=(Reply([Write("{cwd}/out.txt", "written\n")]), text("I may not.")),
        expect=("I may not.",),
    ),
    Case(
        name="plan-mode",
        about="a command in plan mode",
        steps=oneshot(),
        options={"permissionMode": "plan"},
        replies=(Reply([Shell("touch made.txt")]), text("I may not.")),
        expect=("I may not.",),
    ),
    Case(
        name="allowed-tool",
        about="one tool allowed by name in the default mode",
        steps=oneshot(),
        options={"allowedTools": ["run_shell_command"]},
        replies=(Reply([Shell("echo allowed > made.txt; cat made.txt")]), text("Done.")),
        expect=("Done.",),
    ),
    Case(
        name="max-turns",
        about="the settings' limit of model calls is reached",
        steps=oneshot(),
        options=_YOLO,
        home_files={
            ".gemini/settings.json": '{"security": {"auth": {"selectedType": "gemini-api-key"}},'
            ' "privacy": {"usageStatisticsEnabled": false}, "model": {"maxSessionTurns": 2},'
            ' "general": {"enableAutoUpdate": false}}'
        },
        replies=tuple(Reply([Shell(f"echo again {n}")]) for n in range(6)),
        expect=("again 1",),
        exit=None,
    ),
    Case(
        name="loop",
        about="the model repeats itself until the CLI stops it",
        steps=oneshot(),
        options=_YOLO,
        replies=(Reply([Shell("echo again")], times=0),),
        exit=None,
        within=180,
    ),
    Case(
        name="thought-only",
        about="an answer of nothing but reasoning, however often it is asked for",
        steps=oneshot(),
        replies=(Reply([Think("Only thinking.")], times=0),),
        exit=None,
        within=120,
    ),
    Case(
        name="max-tokens",
        about="the answer is cut by the model's own limit",
        steps=oneshot(),
        replies=(Reply([Text("truncated"), Finish("MAX_TOKENS")], times=0),),
        exit=None,
        within=120,
    ),
    Case(
        name="safety",
        about="the model refuses",
        steps=oneshot(),
        replies=(Reply([Finish("SAFETY")], times=0),),
        exit=None,
        within=120,
    ),
    Case(
        name="mcp-tool",
        about="a tool of an MCP server",
        steps=oneshot(),
        options=_YOLO,
        home_files={".gemini/settings.json": _mcp("python3", "{cwd}/server.py")},
        files={"server.py": MCP_SERVER},
        replies=(Reply([Tool("mcp_tiny_greet", {})]), text("Greeted.")),
        expect=("greetings",),
    ),
    Case(
        name="mcp-failed",
        about="an MCP server that cannot start",
        steps=oneshot(),
        home_files={".gemini/settings.json": _mcp("/nonexistent/server")},
        replies=(HELLO,),
        expect=("from the ",),
    ),
    Case(
        name="resume",
        about="a second process goes on with the session of a first",
        first=First(steps=oneshot("first"), replies=(text("First answer."),)),
        steps=oneshot("second"),
        replies=(text("Second answer."),),
        expect=("Second answer.",),
    ),
    Case(
        name="session-unknown",
        about="resuming a session that does not exist",
        resume="00000000-0000-4000-8000-000000000000",
        steps=oneshot(),
        exit=None,
    ),
)
