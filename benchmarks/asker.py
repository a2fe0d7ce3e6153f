"""A CLI in Claude Code's two-way protocol that asks before it answers, and notes when.

The prompt is a number of questions and the file that gets a line for each: the request's id,
when the question was printed and when its answer was read, in seconds of the monotonic clock.
Standard library only.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping

_IDS = {"session_id": "00000000-0000-4000-8000-000000000000", "uuid": "u"}
_INIT = {
    "type": "system",
    "subtype": "init",
    "cwd": "/",
    "tools": [],
    "mcp_servers": [],
    "model": "m",
    "permissionMode": "default",
    "claude_code_version": "0.0.0",
    **_IDS,
}
_RESULT = {
    "type": "result",
    "subtype": "success",
    "is_error": False,
    "duration_ms": 1,
    "duration_api_ms": 1,
    "num_turns": 1,
    "result": "ok",
    "stop_reason": "end_turn",
    "total_cost_usd": 0.0,
    "usage": {"input_tokens": 1, "output_tokens": 1},
    "modelUsage": {},
    "permission_denials": [],
    **_IDS,
}


def say(message: Mapping[str, object]) -> float:
    """Print a line; returns when."""
    data = json.dumps(message).encode() + b"\n"
    at = time.clock_gettime(time.CLOCK_MONOTONIC)
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
    return at


def ask(number: int) -> str:
    """Ask, and wait for the answer; returns the line for the file."""
    request_id = f"q{time.monotonic_ns()}-{number}"
    question = {
        "subtype": "can_use_tool",
        "tool_name": "Bash",
        "input": {"command": f"touch {number}"},
    }
    asked = say({"type": "control_request", "request_id": request_id, "request": question})
    while True:
        line = sys.stdin.buffer.readline()
        heard = time.clock_gettime(time.CLOCK_MONOTONIC)
        if not line:
            sys.exit(0)
        if json.loads(line)["type"] == "control_response":
            return f"{request_id} {asked!r} {heard!r}\n"


def main() -> None:
    """Serve turns until stdin ends."""
    while line := sys.stdin.buffer.readline():
        message = json.loads(line)
        if message["type"] != "user":
            continue
        content = message["message"]["content"]
        count, _, path = (content if isinstance(content, str) else "0").partition(" ")
        say(_INIT)
        for number in range(int(count)):
            noted = ask(number)
            with open(path, "a") as file:
                file.write(noted)
        say(_RESULT)


if __name__ == "__main__":
    main()
