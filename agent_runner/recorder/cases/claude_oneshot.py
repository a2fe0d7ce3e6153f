"""Claude Code, one process per prompt: what it does when the model answers well."""

from __future__ import annotations

from agent_runner.agents.base import PermissionAnswer
from agent_runner.recorder.cases.case import Answer, Case, First, Prompt, oneshot
from agent_runner.recorder.cases.shared import (
    HELLO,
    MCP_SERVER,
    UNICODE,
    text,
)
from agent_runner.recorder.models import Finish, Read, Reply, Shell, Text, Think, Tool, Write

_EDIT = Tool("Edit", {"file_path": "{cwd}/a.txt", "old_string": "beta", "new_string": "gamma"})

_HOOKS = """{"hooks": {
 "PreToolUse": [{"matcher": "Bash", "hooks": [
  {"type": "command", "command": "echo blocked by policy >&2; exit 2"}]}],
 "Stop": [{"hooks": [{"type": "command", "command": "echo stopping"}]}]
}}
"""


ONE_SHOT = (
    Case(
        name="text",
        about="a plain answer",
        steps=oneshot(),
        replies=(HELLO,),
        expect=("Hello from the model.",),
    ),
    Case(
        name="unicode",
        about="characters that break careless line splitting, in prompt and answer",
        steps=oneshot(UNICODE),
        replies=(text(UNICODE),),
    ),
    Case(
        name="thinking",
        about="visible reasoning before the answer",
        steps=oneshot(),
        replies=(Reply([Think("Let me think."), Text("Thought about it.")]),),
        expect=("Let me think.",),
    ),
    Case(
        name="tool-loop",
        about="two shell calls, then an answer",
        steps=oneshot(),
        options={"allowedTools": ["Bash"]},
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
        options={"allowedTools": ["Bash"]},
        replies=(Reply([Shell("echo out; echo err >&2; exit 3")]), text("It failed.")),
        expect=("Exit code 3",),
    ),
    Case(
        name="tools-parallel",
        about="three tool calls in one message",
        steps=oneshot(),
        options={"allowedTools": ["Bash", "Read"]},
        replies=(
            Reply([Read("{cwd}/a.txt"), Shell("echo parallel"), Read("{cwd}/missing.txt")]),
            text("Done."),
        ),
        expect=("parallel",),
    ),
    Case(
        name="tool-unknown",
        about="the model calls a tool that does not exist",
        steps=oneshot(),
        replies=(Reply([Tool("NoSuchTool", {"x": 1})]), text("Oh.")),
        expect=("No such tool",),
    ),
    Case(
        name="file-write",
        about="a new file",
        steps=oneshot(),
        options={"permissionMode": "acceptEdits"},
        replies=(Reply([Write("{cwd}/out.txt", "written\n")]), text("Wrote it.")),
        expect=("out.txt", "Wrote it."),
    ),
    Case(
        name="file-edit",
        about="an edit of a file that was read before",
        steps=oneshot(),
        options={"permissionMode": "acceptEdits"},
        replies=(Reply([Read("{cwd}/a.txt")]), Reply([_EDIT]), text("Edited.")),
        expect=("gamma", "Edited."),
    ),
    Case(
        name="tool-denied",
        about="a tool the default mode does not allow, and nobody to ask",
        steps=(Prompt("hello"), Answer(PermissionAnswer(allow=False))),
        replies=(Reply([Write("{cwd}/out.txt", "written\n")]), text("I may not.")),
        expect=('"permission_denials":[{',),
    ),
    Case(
        name="plan-mode",
        about="the CLI's own permission mode",
        steps=oneshot(),
        options={"permissionMode": "plan"},
        replies=(HELLO,),
        expect=('"permissionMode":"plan"',),
    ),
    Case(
        name="max-turns",
        about="the limit of model calls is reached",
        steps=oneshot(),
        options={"allowedTools": ["Bash"], "maxTurns": 2},
        replies=(Reply([Shell("echo again")], times=0),),
        expect=("error_max_turns",),
        exit=1,
    ),
    Case(
        name="max-budget",
        about="the spending limit is reached",
        steps=oneshot(),
        options={"extraArgs": ["--max-budget-usd", "0.0001"], "allowedTools": ["Bash"]},
        replies=(Reply([Shell("echo again")], times=0),),
        expect=("error_max_budget_usd",),
        exit=1,
    ),
    Case(
        name="max-tokens",
        about="the answer is cut by the model's own limit, however often it is asked to go on",
        steps=oneshot(),
        replies=(Reply([Text("truncated"), Finish("max_tokens")], times=0),),
        exit=None,
    ),
    Case(
        name="refusal",
        about="the model refuses",
        steps=oneshot(),
        replies=(Reply([Finish("refusal")], times=0),),
        exit=None,
    ),
    Case(
        name="hooks",
        about="a PreToolUse hook that blocks, a Stop hook, with hook events printed",
        steps=oneshot(),
        options={"allowedTools": ["Bash"], "extraArgs": ["--include-hook-events"]},
        home_files={".claude/settings.json": _HOOKS},
        replies=(Reply([Shell("echo never")]), text("Blocked.")),
        expect=("blocked by policy",),
    ),
    Case(
        name="mcp-tool",
        about="a tool of an MCP server",
        steps=oneshot(),
        options={
            "mcpServers": {"tiny": {"command": "python3", "args": ["{cwd}/server.py"]}},
            "allowedTools": ["mcp__tiny__greet"],
        },
        env={"MCP_CONNECTION_NONBLOCKING": "0"},
        files={"server.py": MCP_SERVER},
        replies=(Reply([Tool("mcp__tiny__greet", {})]), text("Greeted.")),
        expect=("greetings",),
    ),
    Case(
        name="mcp-failed",
        about="an MCP server that cannot start",
        steps=oneshot(),
        options={"mcpServers": {"broken": {"command": "/nonexistent/server"}}},
        replies=(HELLO,),
        expect=("broken",),
    ),
    Case(
        name="subagent",
        about="the model hands work to another agent",
        steps=oneshot(),
        options={"allowedTools": ["Agent", "Task", "Bash"]},
        replies=(
            Reply(
                [
                    Tool(
                        "Agent",
                        {
                            "description": "sub work",
                            "prompt": "do the sub work",
                            "subagent_type": "general-purpose",
                            "run_in_background": False,
                        },
                    )
                ],
                match="hello",
            ),
            Reply([Shell("echo from the subagent")], match="do the sub work"),
            Reply([Text("Sub work done.")], match="from the subagent"),
            text("All done."),
        ),
        expect=("from the subagent", "All done."),
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
        expect=("No conversation found",),
        exit=1,
    ),
)
