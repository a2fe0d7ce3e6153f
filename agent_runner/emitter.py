"""For authors of tools that run under agent-runner: signs of life, and questions to a person.

Standard library only, and one file: it may be copied beside a script. The protocol is described
in runbooks/approval-protocol.md.

    from agent_runner import emitter

    with emitter.heartbeats():
        plan = make_plan()
    if emitter.request_approval("Deploy?", ["yes", "no"], {"plan": plan}) == "yes":
        deploy(plan)

A question ends the tool. Once a person has approved, the tool is started again with the same
arguments, and the same question then returns the answer: what is done before it is done twice.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TextIO

WAITING = 90
"""The exit code of a tool that waits for an approval."""

LINE_BYTES = 64 * 1024
QUESTION_BYTES = 4 * 1024
OPTION_BYTES = 256
MOST_OPTIONS = 20
MOST_LEVELS = 50

HEARTBEAT = '{"event":"heartbeat"}\n'

_CONTROL = re.compile("[\0-\x1f\x7f]")
_DEFAULT_S = 30.0
_writing = threading.Lock()


class Decision(str):
    """The id of the chosen option, "" if none was offered; with what else the person said."""

    def __new__(cls, option_id: str, approval_id: str, message: str) -> Decision:
        """As a text it is `option_id`."""
        decision = super().__new__(cls, option_id)
        decision.approval_id = approval_id
        decision.message = message
        return decision

    approval_id: str
    message: str


def heartbeat(to: TextIO | None = None) -> None:
    """Say that the tool is alive: on stderr, or `to`. A stream that is gone is no error."""
    with suppress(OSError, ValueError):
        _write(HEARTBEAT, to)


@contextmanager
def heartbeats(every_s: float | None = None, to: TextIO | None = None) -> Iterator[None]:
    """A heartbeat now and every `every_s` seconds within the block, from a thread.

    By default as often as the supervisor asks for, or every 30 s.
    """
    done = threading.Event()
    interval = every_s if every_s is not None else asked_interval_s()
    if not interval > 0:
        raise ValueError(f"every {interval} s is no interval")

    def beat() -> None:
        heartbeat(to)
        while not done.wait(interval):
            heartbeat(to)

    thread = threading.Thread(target=beat, name="heartbeats", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def asked_interval_s(env: Mapping[str, str] = os.environ) -> float:
    """How often the supervisor wants a heartbeat: AGENT_RUNNER_HEARTBEAT_MS, or 30 s."""
    text = env.get("AGENT_RUNNER_HEARTBEAT_MS", "")
    return max(1, int(text)) / 1000 if text.isascii() and text.isdigit() else _DEFAULT_S


def request_approval(
    question: str,
    options: Sequence[str | Mapping[str, str]] | None = None,
    context: Mapping[str, Any] | None = None,
    *,
    to: TextIO | None = None,
) -> Decision:
    """The answer to a question if a person has approved it; else ask it and exit.

    `options` are the answers to choose from: texts, or `{"optionId": ..., "name": ...}`;
    `context` is any JSON object that helps to decide. An answer belongs to the very question,
    options and context: what may be asked twice needs something in `context` that tells the two
    apart. The line goes to stderr, or `to`.

    SystemExit 90 if it is not answered; ValueError if it is over a limit of the protocol or no
    JSON; RuntimeError in another thread than the main one, where SystemExit ends nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("request_approval can exit from the main thread only")
    line = _line(question, options, context)
    asked = json.loads(line)
    answer = _answers().get(question_hash(asked))
    if isinstance(answer, dict) and answer.get("decision") == "approve":
        given = (str(answer.get(name) or "") for name in ("optionId", "approvalId", "message"))
        return Decision(*given)
    _write(line, to)
    raise SystemExit(WAITING)


def question_hash(asked: Mapping[str, Any]) -> str:
    """SHA-256 in hex by which an answer names its question; `asked` is the line's object.

    Of the JSON `{"input": {"context", "options", "question"}, "tool": "approval"}` with its keys
    in order, without blanks, in UTF-8 without needless escapes; what the line lacks is null.
    """
    given = {name: asked.get(name) for name in ("context", "options", "question")}
    text = json.dumps(
        {"input": given, "tool": "approval"},
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _answers() -> dict[str, Any]:
    """What was decided for this run so far, by the question's hash."""
    try:
        answers = json.loads(os.environ.get("AGENT_RUNNER_APPROVALS") or "{}")
    except ValueError:
        return {}
    return answers if isinstance(answers, dict) else {}


def _line(
    question: str,
    options: Sequence[str | Mapping[str, str]] | None,
    context: Mapping[str, Any] | None,
) -> str:
    if not question.strip() or len(question.encode()) > QUESTION_BYTES:
        raise ValueError(f"a question has from 1 to {QUESTION_BYTES} bytes")
    event: dict[str, Any] = {"event": "approval_needed", "question": question}
    if options is not None:
        event["options"] = _checked_options(options)
    if context is not None:
        event["context"] = dict(context)
        _check(event["context"], 1)
    try:
        line = json.dumps(event, separators=(",", ":"), allow_nan=False)
    except TypeError as error:
        raise ValueError(f"context is no JSON: {error}") from error
    if len(line) >= LINE_BYTES:
        raise ValueError(f"question, options and context are over {LINE_BYTES} bytes")
    return line + "\n"


def _checked_options(options: Sequence[str | Mapping[str, str]]) -> list[Any]:
    if isinstance(options, str) or not 1 <= len(options) <= MOST_OPTIONS:
        raise ValueError(f"options are a list of 1 to {MOST_OPTIONS}")
    checked: list[Any] = []
    ids: set[str] = set()
    for option in options:
        both = {"optionId": option, "name": option} if isinstance(option, str) else dict(option)
        texts = [both.get("optionId"), both.get("name")]
        if len(both) != 2 or not all(isinstance(text, str) and text.strip() for text in texts):
            raise ValueError(f"{option!r} is no text and no {{optionId, name}}")
        if any(
            len(text.encode()) > OPTION_BYTES or _CONTROL.search(text) for text in both.values()
        ):
            raise ValueError(f"an option's id and name are one line of up to {OPTION_BYTES} bytes")
        if both["optionId"] in ids:
            raise ValueError(f"two options are called {both['optionId']!r}")
        ids.add(both["optionId"])
        checked.append(option if isinstance(option, str) else both)
    return checked


def _check(value: Any, level: int) -> None:
    """ValueError for what a supervisor would not read as it was written."""
    if level > MOST_LEVELS:
        raise ValueError(f"context is nested in over {MOST_LEVELS} levels")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError(f"context has the key {key!r}, which is no text")
            _check(item, level + 1)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check(item, level + 1)
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError(f"context has the number {value}, which is beyond 64 bits")


def _write(line: str, to: TextIO | None) -> None:
    """One line at once, so that no thread's text gets into it."""
    stream = to if to is not None else sys.stderr
    if stream is None:
        raise OSError("there is no stderr")
    with _writing:
        stream.write(line)
        stream.flush()
