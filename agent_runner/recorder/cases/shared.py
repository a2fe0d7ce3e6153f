"""Texts and replies that the suites have in common, so that the CLIs can be compared."""

from __future__ import annotations

from agent_runner.recorder.models import Http, Reply, Sleep, Text

# Line ends and controls that careless readers split or choke on.
UNICODE = (
    "héllo 你好 \U0001f600 \u2028line separator \u2029 \u0085 \x1b[31mred\x1b[0m "
    '"quoted" \\ tab\t\r\nnew line\n\nend'
)
BIG = 5_000_000
# Over derive.LONG_STRING, so that each delta is stored as its hash.
BIG_CHUNK = 70_000
# A command that never ends. Claude Code refuses a `sleep` that stands alone.
WAIT = "tail -f /dev/null"
HELLO = Reply([Text("Hello "), Text("from the "), Text("model.")])
TICKS = Reply([Text("tick " * 400, chunk=5, gap=0.1)])
SILENCE = Reply([Text("Before the stall. "), Sleep(600)])
LONG_PROMPT = "Read every word of this line, it is numbered nowhere. "


# A Model Context Protocol server with one tool, in as little Python as can be.
MCP_SERVER = """import json, sys
for line in sys.stdin:
    call = json.loads(line)
    method, answer = call.get("method"), {}
    if method == "initialize":
        answer = {"protocolVersion": call["params"]["protocolVersion"],
                  "capabilities": {"tools": {}},
                  "serverInfo": {"name": "tiny", "version": "1"}}
    elif method == "tools/list":
        answer = {"tools": [{"name": "greet", "description": "greets",
                             "inputSchema": {"type": "object", "properties": {}}}]}
    elif method == "tools/call":
        answer = {"content": [{"type": "text", "text": "greetings"}]}
    if "id" in call:
        print(json.dumps({"jsonrpc": "2.0", "id": call["id"], "result": answer}), flush=True)
"""


def text(words: str) -> Reply:
    """A reply of one delta."""
    return Reply([Text(words)])


def fails(status: int, message: str = "", error_type: str | None = None) -> Reply:
    """A reply that fails with an HTTP status however often it is asked for."""
    return Reply([Http(status, message, error_type)], times=0)
