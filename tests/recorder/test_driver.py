"""The driver and the child it drives, against a small scripted program."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest
from recorder.cases.case import (
    Answer,
    Eof,
    Interrupt,
    Prompt,
    Signal,
    Step,
    When,
)
from recorder.child import Child
from recorder.driver import CaseError, Driver, PlainProtocol, session_id
from recorder.isolation import MARKER

from agent_runner.agents.attachments import Attachment
from agent_runner.agents.base import AgentOptions, Exit, Form, PermissionAnswer, Received
from agent_runner.events.base import AgentEvent
from agent_runner.events.message import TurnCompleted
from agent_runner.events.permission import PermissionRequested

# Reads words from stdin, answers each with lines of stdout.
PROGRAM = """
import subprocess, sys, time
for word in sys.stdin:
    word = word.strip()
    if word == "die":
        sys.exit(3)
    if word == "tool":
        subprocess.Popen(["tail", "-f", "/dev/null"], start_new_session=True)
        continue
    if word == "big":
        print("x" * 3_000_000)
    if word == "loud":
        print("a warning", file=sys.stderr, flush=True)
    print(word, flush=True)
"""


HERE = AgentOptions(cwd="/")


class WordSession(PlainProtocol):
    """A two-way protocol of one word a line."""

    close_after_prompt = False

    def prompt(self, text: str, attachments: Sequence[Attachment] = ()) -> bytes:
        return text.encode() + b"\n"

    def interrupt(self) -> bytes | None:
        return b"stop\n"

    def answer(self, request_id: str, answer: PermissionAnswer) -> bytes:
        return f"{request_id}={answer.allow}\n".encode()

    def receive(self, line: bytes) -> Received:
        events: list[AgentEvent] = []
        if line == b"ask":
            events.append(PermissionRequested(request_id="q1", name="tool", input={}))
        if line in (b"one", b"two"):
            events.append(TurnCompleted(ok=True))
        return Received(events=events, send=b"pong\n" if line == b"ping" else b"")

    def finish(self, exit: Exit) -> list[AgentEvent]:  # noqa: A002
        return []


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    env = {"PATH": os.environ["PATH"], MARKER: tmp_path.name}
    started = Child([sys.executable, "-c", PROGRAM], env, tmp_path)
    yield started
    started.end()


def play(child: Child, *steps: Step, form: Form = Form.WARM) -> tuple[int, Driver]:
    driver = Driver(child, WordSession(), form, HERE)
    return driver.play(steps, within=20), driver


def test_steps_wait_for_their_lines(child: Child) -> None:
    code, driver = play(
        child,
        Prompt("one"),
        Prompt("two", When(line="one")),
        Interrupt(When(event="turn.completed")),
        Eof(When(line="stop")),
    )
    assert code == 0
    assert bytes(child.stdout) == b"one\ntwo\nstop\n"
    assert bytes(child.stdin) == b"one\ntwo\nstop\n"
    assert driver.log == [
        {"do": "prompt", "text": "one", "afterLine": 0},
        {"do": "prompt", "text": "two", "afterLine": 1},
        {"do": "interrupt", "afterLine": 2},
        {"do": "eof", "afterLine": 3},
    ]


def test_a_question_is_answered(child: Child) -> None:
    answer = PermissionAnswer(allow=True, updated_input={"a": 1})
    _, driver = play(child, Prompt("ask"), Answer(answer), Eof(When(line="q1=True")))
    told = {"allow": True, "updatedInput": {"a": 1}}
    assert driver.log[1] == {"do": "answer", "requestId": "q1", "answer": told, "afterLine": 1}


def test_what_the_protocol_asks_for_is_sent(child: Child) -> None:
    play(child, Prompt("ping"), Eof(When(line="pong")))
    assert bytes(child.stdin) == b"ping\npong\n"


def test_a_one_shot_is_closed_after_its_result(child: Child) -> None:
    code, driver = play(child, Prompt("one"), form=Form.ONE_SHOT)
    assert code == 0
    assert driver.log[-1] == {"do": "eof", "afterLine": 1}


def test_plain_text_is_sent_and_stdin_closed(child: Child) -> None:
    driver = Driver(child, PlainProtocol(), Form.ONE_SHOT, HERE)
    assert driver.play((Prompt("die"),), within=20) == 3


def test_a_long_prompt_is_logged_as_its_pattern(child: Child) -> None:
    _, driver = play(child, Prompt(repeat="ab", size=70_001), Eof(When(line="aba")))
    assert driver.log[0]["text"] == {"repeat": "ab", "bytes": 70_001}
    assert len(child.stdin) == 70_002


def test_big_lines_and_stderr(child: Child) -> None:
    play(child, Prompt("big"), Prompt("loud", When(line="big")), Eof(When(stderr="warning")))
    assert len(child.stdout) == 3_000_001 + len(b"big\nloud\n")
    assert bytes(child.stderr) == b"a warning\n"


def test_signals_tools_and_survivors(child: Child) -> None:
    code, driver = play(child, Prompt("tool"), Signal("SIGKILL", When(process="tail -f /dev/null")))
    assert code == -9
    assert driver.log[-1] == {"do": "signal", "name": "SIGKILL", "afterLine": 0}
    assert child.end() == ["tail -f /dev/null"]
    assert child.end() == []
    assert not psutil.pid_exists(child.pid)


def test_a_missed_condition_fails(child: Child) -> None:
    with pytest.raises(CaseError, match="waited in vain"):
        play(child, Prompt("one"), Eof(When(line="never", within=0.3)))


def test_an_early_end_fails(child: Child) -> None:
    with pytest.raises(CaseError, match="ended before"):
        play(child, Prompt("die"), Interrupt(When(line="never")))


def test_an_early_end_needs_no_eof(child: Child) -> None:
    code, driver = play(child, Prompt("die"), Eof(When(line="never")))
    assert code == 3
    assert [step["do"] for step in driver.log] == ["prompt"]


def test_a_process_that_stays_fails(child: Child) -> None:
    driver = Driver(child, WordSession(), Form.WARM, HERE)
    with pytest.raises(CaseError, match="did not end"):
        driver.play((Prompt("one"),), within=0.3)


def test_session_ids() -> None:
    assert session_id(json.dumps({"session_id": "a-1"}).encode()) == "a-1"
    assert session_id(b'{"sessionId":"b"}') == "b"
    with pytest.raises(CaseError):
        session_id(b"{}")
