#!/usr/bin/env python3
"""A program that speaks Claude Code's two-way protocol and does what the prompt says.

The prompt is a JSON list of steps, done in order; any other prompt is answered `echo: …`.

    {"text": s, "deltas": n}      a block of text, in n deltas
    {"big": n}                    a block of n bytes
    {"tool": name, "input": {}}   a tool call and its result
    {"ask": name, "input": {}}    a permission question; waits for its answer
    {"line": s}                   a line of stdout as it is
    {"stderr": s}                 text on stderr
    {"touch": path}               make a file, for the test to see
    {"wait": path}                wait until the test makes a file
    {"child": [argv]}             start a program in a session of its own and leave it
    {"ignore_term": true}         from now on
    {"finish_on_term": true}      from now on: no interrupt counts, SIGTERM ends the turn well
    {"die": n}                    exit at once with code n, or by signal -n
    {"error": s, "status": n}     end the turn as an API error
    {"hang": true}                never go on; an interrupt ends the turn

Without an `error` or `die` the turn ends with a result that holds the last text.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from typing import Any

Message = dict[str, Any]

SESSION = next(
    (a.partition("=")[2] for a in sys.argv if a.startswith("--resume=")), str(uuid.uuid4())
)
inbox: list[Message] = []
arrived = threading.Condition()
interrupted = threading.Event()
deaf = threading.Event()


def say(message: Message) -> None:
    sys.stdout.buffer.write(json.dumps(message).encode() + b"\n")
    sys.stdout.buffer.flush()


def with_ids(message: Message) -> Message:
    return {**message, "session_id": SESSION, "uuid": str(uuid.uuid4())}


def event(inner: Message) -> None:
    say(with_ids({"type": "stream_event", "event": inner, "parent_tool_use_id": None}))


def read_stdin() -> None:
    for line in sys.stdin.buffer:
        message = json.loads(line)
        if message["type"] == "control_request":
            if message["request"]["subtype"] == "interrupt" and not deaf.is_set():
                interrupted.set()
            answer = {"subtype": "success", "request_id": message["request_id"], "response": {}}
            say({"type": "control_response", "response": answer})
            continue
        with arrived:
            inbox.append(message)
            arrived.notify()
    with arrived:
        inbox.append({"type": "eof"})
        arrived.notify()


def next_message() -> Message:
    with arrived:
        arrived.wait_for(lambda: inbox)
        return inbox.pop(0)


def block(message_id: str, content: Message) -> None:
    message = {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": "fake",
        "content": [content],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    say(with_ids({"type": "assistant", "message": message, "parent_tool_use_id": None}))


def text_block(text: str, deltas: int) -> None:
    message_id = f"msg_{uuid.uuid4().hex}"
    event({"type": "message_start", "message": {"id": message_id, "role": "assistant"}})
    event(
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    )
    size = max(1, -(-len(text) // max(1, deltas)))
    for at in range(0, len(text) if deltas else 0, size):
        delta = {"type": "text_delta", "text": text[at : at + size]}
        event({"type": "content_block_delta", "index": 0, "delta": delta})
    block(message_id, {"type": "text", "text": text})
    event({"type": "content_block_stop", "index": 0})
    event({"type": "message_stop"})


def result(text: str | None, **fields: object) -> None:
    base = {
        "type": "result",
        "subtype": "success",
        "is_error": False,
        "duration_ms": 1,
        "duration_api_ms": 1,
        "num_turns": 1,
        "result": text or "",
        "stop_reason": "end_turn",
        "total_cost_usd": 0.001,
        "usage": {"input_tokens": 3, "output_tokens": 5},
        "modelUsage": {},
        "permission_denials": [],
    }
    say(with_ids({**base, **fields}))


def tool(name: str, given: Message, tool_id: str, output: str, *, is_error: bool = False) -> None:
    content: Message = {"type": "tool_result", "tool_use_id": tool_id, "content": output}
    if is_error:
        content["is_error"] = True
    say(
        with_ids(
            {
                "type": "user",
                "message": {"role": "user", "content": [content]},
                "parent_tool_use_id": None,
            }
        )
    )


def wait_for(path: str) -> bool:
    while not os.path.exists(path):
        if interrupted.is_set():
            return False
        time.sleep(0.005)
    return True


def finish_and_leave(*_: object) -> None:
    result("finished anyway")
    os._exit(0)


def play(steps: list[Message]) -> None:
    last = None
    for step in steps:
        if interrupted.is_set():
            break
        if "text" in step:
            last = step["text"]
            text_block(last, step.get("deltas", 1))
        elif "big" in step:
            last = "0123456789abcdef" * (step["big"] // 16)
            text_block(last, step.get("deltas", 50))
        elif "tool" in step or "ask" in step:
            name = step.get("tool") or step["ask"]
            tool_id = f"toolu_{uuid.uuid4().hex}"
            given = step.get("input", {})
            block("msg_tool", {"type": "tool_use", "id": tool_id, "name": name, "input": given})
            if "tool" in step:
                tool(name, given, tool_id, step.get("output", "done"))
                continue
            question = {
                "subtype": "can_use_tool",
                "tool_name": name,
                "input": given,
                "tool_use_id": tool_id,
            }
            say({"type": "control_request", "request_id": str(uuid.uuid4()), "request": question})
            answer = next_message()["response"]["response"]
            allowed = answer["behavior"] == "allow"
            output = "done" if allowed else answer["message"]
            tool(name, given, tool_id, output, is_error=not allowed)
        elif "line" in step:
            sys.stdout.buffer.write(step["line"].encode("utf-8", "surrogatepass") + b"\n")
            sys.stdout.buffer.flush()
        elif "stderr" in step:
            sys.stderr.write(step["stderr"])
            sys.stderr.flush()
        elif "touch" in step:
            open(step["touch"], "w").close()
        elif "wait" in step:
            wait_for(step["wait"])
        elif "child" in step:
            subprocess.Popen(step["child"], start_new_session=True, stdin=subprocess.DEVNULL)
        elif "ignore_term" in step:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        elif "finish_on_term" in step:
            deaf.set()
            signal.signal(signal.SIGTERM, finish_and_leave)
        elif "die" in step:
            if step["die"] < 0:
                os.kill(os.getpid(), -step["die"])
            os._exit(step["die"])
        elif "error" in step:
            result(step["error"], is_error=True, api_error_status=step.get("status"))
            return
        elif "hang" in step:
            wait_for("/nonexistent")
    if interrupted.is_set():
        interrupted.clear()
        result(None, subtype="error_during_execution", is_error=True, errors=["interrupted"])
        return
    result(last)


def main() -> None:
    if "--version" in sys.argv:
        sys.stdout.write("9.9.9 (Fake Claude)\n")
        return
    threading.Thread(target=read_stdin, daemon=True).start()
    while (message := next_message())["type"] != "eof":
        if message["type"] != "user":
            continue
        prompt = message["message"]["content"]
        init = {
            "type": "system",
            "subtype": "init",
            "cwd": os.getcwd(),
            "tools": ["Bash"],
            "mcp_servers": [],
            "model": "fake",
            "permissionMode": "default",
            "slash_commands": [],
            "apiKeySource": "none",
            "claude_code_version": "9.9.9",
            "output_style": "default",
            "agents": [],
            "skills": [],
            "plugins": [],
        }
        say(with_ids(init))
        try:
            steps = json.loads(prompt)
        except ValueError:
            steps = [{"text": f"echo: {prompt}"}]
        play(steps if isinstance(steps, list) else [{"text": f"echo: {prompt}"}])


if __name__ == "__main__":
    main()
