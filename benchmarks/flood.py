"""A CLI in Claude Code's two-way protocol that prints as fast or as slowly as it is told.

The prompt is JSON: {"events": n} prints n tool results as fast as the pipe takes them;
{"deltas": n, "gap": seconds} prints n text deltas, each holding the time it was written;
{"paced": n, "gap": seconds, "above": bytes} prints Markdown of so many bytes, then n words, each
the Unix time at which it was written;
{"answer": bytes} answers with a text of so many bytes, first in deltas, then whole;
{"line": bytes} prints one line of so many bytes first.
"""

import json
import sys
import time
from collections.abc import Mapping

IDS = {"session_id": "00000000-0000-4000-8000-000000000000", "uuid": "u"}
OUT = sys.stdout.buffer
PARAGRAPH = """## A heading

Some words with `code`, *emphasis*, **more of it** and [a link](https://example.org/a/b).

- an item of a list
- another one, with `code`

```python
def answer(question: str) -> int:
    return 42  # as ever
```

| a | b |
|---|---|
| 1 | 2 |

"""


def say(message: "Mapping[str, object]") -> None:
    OUT.write(json.dumps({**message, **IDS}).encode() + b"\n")


def event(inner: "dict[str, object]") -> None:
    say({"type": "stream_event", "event": inner, "parent_tool_use_id": None})


def text_block(text: str) -> None:
    message = {
        "id": "m1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": text}],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    say({"type": "assistant", "message": message, "parent_tool_use_id": None})


def tool_lines(count: int) -> bytes:
    """`count` tool calls and their results: two events of ours to each pair of lines."""
    lines = []
    for number in range(count // 2):
        use = {"type": "tool_use", "id": f"t{number}", "name": "Bash", "input": {"command": "ls"}}
        call = {
            "type": "assistant",
            "message": {
                "id": f"m{number}",
                "type": "message",
                "role": "assistant",
                "model": "m",
                "content": [use],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {"input_tokens": 1, "output_tokens": 1},
            },
            "parent_tool_use_id": None,
        }
        result = {"type": "tool_result", "tool_use_id": f"t{number}", "content": "a file or two"}
        answer = {
            "type": "user",
            "message": {"role": "user", "content": [result]},
            "parent_tool_use_id": None,
        }
        lines += [json.dumps({**call, **IDS}), json.dumps({**answer, **IDS})]
    return "\n".join(lines).encode() + b"\n"


def play(order: "dict[str, float]") -> str:
    text = "done"
    if "events" in order:
        OUT.write(tool_lines(int(order["events"])))
    if "deltas" in order:
        event({"type": "message_start", "message": {"id": "m1", "role": "assistant"}})
        start = {"type": "text", "text": ""}
        event({"type": "content_block_start", "index": 0, "content_block": start})
        for _ in range(int(order["deltas"])):
            time.sleep(order["gap"])
            delta = {"type": "text_delta", "text": f"{time.perf_counter()} "}
            event({"type": "content_block_delta", "index": 0, "delta": delta})
            OUT.flush()
    if "paced" in order:
        text = PARAGRAPH * (int(order["above"]) // len(PARAGRAPH))
        event({"type": "message_start", "message": {"id": "m1", "role": "assistant"}})
        start = {"type": "text", "text": ""}
        event({"type": "content_block_start", "index": 0, "content_block": start})
        for at in range(0, len(text), 1000):
            delta = {"type": "text_delta", "text": text[at : at + 1000]}
            event({"type": "content_block_delta", "index": 0, "delta": delta})
        OUT.flush()
        time.sleep(2)
        for number in range(int(order["paced"])):
            time.sleep(order["gap"])
            word = f"at:{time.time():.4f} " + ("\n\n" if number % 40 == 39 else "")
            text += word
            delta = {"type": "text_delta", "text": word}
            event({"type": "content_block_delta", "index": 0, "delta": delta})
            OUT.flush()
    if "line" in order:
        piece = b"x" * (1 << 20)
        for _ in range(int(order["line"]) >> 20):
            OUT.write(piece)
        OUT.write(b"\n")
    if "answer" in order:
        text = "0123456789abcde\n" * (int(order["answer"]) // 16)
        event({"type": "message_start", "message": {"id": "m1", "role": "assistant"}})
        start = {"type": "text", "text": ""}
        event({"type": "content_block_start", "index": 0, "content_block": start})
        for at in range(0, len(text), 4000):
            delta = {"type": "text_delta", "text": text[at : at + 4000]}
            event({"type": "content_block_delta", "index": 0, "delta": delta})
    text_block(text)
    return text


def main() -> None:
    init = {
        "type": "system",
        "subtype": "init",
        "cwd": "/",
        "tools": [],
        "mcp_servers": [],
        "model": "m",
        "permissionMode": "default",
        "claude_code_version": "0.0.0",
    }
    for line in sys.stdin.buffer:
        message = json.loads(line)
        if message["type"] != "user":
            continue
        say(init)
        text = play(json.loads(message["message"]["content"]))
        say(
            {
                "type": "result",
                "subtype": "success",
                "is_error": False,
                "duration_ms": 1,
                "duration_api_ms": 1,
                "num_turns": 1,
                "result": text,
                "stop_reason": "end_turn",
                "total_cost_usd": 0.0,
                "usage": {"input_tokens": 1, "output_tokens": 1},
                "modelUsage": {},
                "permission_denials": [],
            }
        )
        OUT.flush()


if __name__ == "__main__":
    main()
