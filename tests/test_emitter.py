"""The emitter, in tools that are real processes: what they print, how they end, and begin again."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent_runner import emitter
from agent_runner.agents.custom.supervised_schema import (
    Answer,
    ApprovalNeeded,
    Heartbeat,
    arguments,
    decode,
    environment,
)
from agent_runner.approvals.canonical import input_hash
from agent_runner.decoding.decode import Drift

ROOT = Path(__file__).resolve().parent.parent
TOOL = ROOT / "tests" / "tools" / "clean_up.py"


def start(
    argv: list[str], answers: list[Answer] | None = None, **env: str
) -> tuple[int, list[Any], str]:
    """Run a tool as its supervisor does: exit code, events on stderr, stdout."""
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **env}
    more: list[str] = []
    if answers:
        variables |= environment(answers)
        more = arguments(answers)
    done = subprocess.run(
        [*argv, *more], env=variables, capture_output=True, timeout=60, check=False
    )
    events = [decode(line, Drift()) for line in done.stderr.splitlines()]
    return done.returncode, events, done.stdout.decode()


def approved(event: Any, option: str | None = None, message: str | None = None) -> Answer:
    assert isinstance(event, ApprovalNeeded)
    return Answer(
        hash=input_hash("approval", event.input),
        approval_id="appr_1",
        decision="approve",
        option_id=option,
        message=message,
    )


def python(program: str) -> list[str]:
    return [sys.executable, "-c", f"from agent_runner import emitter\n{program}"]


# --- a whole tool ----------------------------------------------------------------------------


def test_a_script_asks_and_goes_on(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.bak").touch()
    argv = [sys.executable, str(TOOL), str(tmp_path), "--keep", "2"]
    code, events, _ = start(argv)
    assert code == emitter.WAITING
    assert isinstance(events[0], Heartbeat)
    asked = events[-1]
    assert isinstance(asked, ApprovalNeeded)
    assert asked.question == "Remove 3 of 5 backups?"
    assert asked.context == {"folder": str(tmp_path), "files": ["0.bak", "1.bak", "2.bak"]}
    assert len(list(tmp_path.iterdir())) == 5
    code, events, _ = start(argv, [approved(asked, "only list")])
    assert (code, len(list(tmp_path.iterdir()))) == (0, 5)
    assert not [event for event in events if isinstance(event, ApprovalNeeded)]
    (tmp_path / "5.bak").touch()
    code, events, _ = start(argv, [approved(asked, "remove")])
    assert code == emitter.WAITING, "another question than the approved one"
    assert len(list(tmp_path.iterdir())) == 6
    code, _, _ = start(argv, [approved(asked, "remove"), approved(events[-1], "remove")])
    assert code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["4.bak", "5.bak"]


def test_the_file_alone_is_enough(tmp_path: Path) -> None:
    """Copied beside a script, with nothing of the project and no site packages."""
    shutil.copy(ROOT / "agent_runner" / "emitter.py", tmp_path)
    script = tmp_path / "tool.py"
    script.write_text(
        "import emitter\nwith emitter.heartbeats():\n    emitter.request_approval('?')"
    )
    code, events, _ = start([sys.executable, "-E", "-S", str(script)])
    assert code == emitter.WAITING
    assert [type(event) for event in events] == [Heartbeat, ApprovalNeeded]


# --- questions -------------------------------------------------------------------------------


def test_several_questions_each_have_their_answer() -> None:
    argv = python(
        "first = emitter.request_approval('First?', [{'optionId': 'a', 'name': 'Ä'}])\n"
        "second = emitter.request_approval('Second?', context={'first': first, 'n': 1.0})\n"
        "print([first, first.message, second, second.approval_id])"
    )
    code, events, _ = start(argv)
    first = approved(events[0], "a", "go on")
    code, events, _ = start(argv, [first])
    assert code == emitter.WAITING
    assert [event.question for event in events] == ["Second?"]
    code, events, output = start(argv, [first, approved(events[0])])
    assert (code, events) == (0, [])
    assert output.strip() == "['a', 'go on', '', 'appr_1']"


def test_an_answer_is_for_its_question_alone() -> None:
    asking = "emitter.request_approval({!r}, {!r}, {!r})"
    _, (asked,), _ = start(python(asking.format("Drop a?", ["y"], {"t": 1})))
    answer = approved(asked, "y")
    assert start(python(asking.format("Drop a?", ["y"], {"t": 1})), [answer])[0] == 0
    for other in (
        ("Drop b?", ["y"], {"t": 1}),
        ("Drop a?", ["y", "n"], {"t": 1}),
        ("Drop a?", None, {"t": 1}),
        ("Drop a?", ["y"], {"t": 1.0}),
        ("Drop a?", ["y"], {"t": True}),
        ("Drop a?", ["y"], None),
    ):
        assert start(python(asking.format(*other)), [answer])[0] == emitter.WAITING
    rejected = Answer(hash=answer.hash, approval_id="appr_1", decision="reject", option_id="y")
    again = python(asking.format("Drop a?", ["y"], {"t": 1}))
    assert start(again, [rejected])[0] == emitter.WAITING
    for nonsense in ("", "{", "[]", "3", '{"x": 1}', json.dumps({answer.hash: "approve"})):
        code, events, _ = start(again, AGENT_RUNNER_APPROVALS=nonsense)
        assert (code, len(events)) == (emitter.WAITING, 1)


def test_a_question_may_go_to_stdout() -> None:
    argv = python("import sys; emitter.request_approval('Now?', to=sys.stdout)")
    code, events, output = start(argv)
    assert (code, events) == (emitter.WAITING, [])
    assert isinstance(decode(output.strip().encode(), Drift()), ApprovalNeeded)
    at_once = python("import os, sys; emitter.heartbeat(to=sys.stdout); os._exit(0)")
    assert start(at_once)[2] == emitter.HEARTBEAT


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_the_encoding_of_stderr_does_not_matter(encoding: str) -> None:
    argv = python("emitter.request_approval('Größe \U0001f98a\u2028?', ['ä'])")
    _, (asked,), _ = start(argv, PYTHONIOENCODING=encoding)
    assert asked.question == "Größe \U0001f98a\u2028?"
    assert asked.options == ["ä"]


DEEP: dict[str, Any] = {}
for _ in range(emitter.MOST_LEVELS):
    DEEP = {"a": DEEP}
ITSELF: dict[str, Any] = {}
ITSELF["a"] = ITSELF


@pytest.mark.parametrize(
    ("question", "options", "context"),
    [
        ("", None, None),
        (" \n", None, None),
        ("ü" * 2049, None, None),
        ("\ud800", None, None),
        ("?", [], None),
        ("?", "yes", None),
        ("?", ["a"] * 21, None),
        ("?", ["a", "a"], None),
        ("?", [" "], None),
        ("?", ["a\n"], None),
        ("?", ["ü" * 129], None),
        ("?", [1], None),
        ("?", [{"optionId": "a"}], None),
        ("?", [{"optionId": "a", "name": "b", "kind": "c"}], None),
        ("?", [{"optionId": "a", "name": 1}], None),
        ("?", None, {"a": float("nan")}),
        ("?", None, {"a": float("inf")}),
        ("?", None, {"a": 2**63}),
        ("?", None, {"a": {1: 2}}),
        ("?", None, {"a": b"x"}),
        ("?", None, {"a": "\udc00"}),
        ("?", None, {"a": "x" * emitter.LINE_BYTES}),
        ("?", None, DEEP),
        ("?", None, ITSELF),
    ],
)
def test_what_no_supervisor_would_take_is_an_error(
    question: str, options: Any, context: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises((ValueError, TypeError)):
        emitter.request_approval(question, options, context)
    assert capsys.readouterr() == ("", "")


def test_only_the_main_thread_can_exit() -> None:
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            emitter.request_approval("?")
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert [type(error) for error in errors] == [RuntimeError]


def test_a_question_that_nobody_can_read_is_an_error() -> None:
    for closing in ("import sys; sys.stderr = None", "import os; os.close(2)"):
        code, events, _ = start(python(f"{closing}\nemitter.request_approval('?')"))
        assert code not in (0, emitter.WAITING)
        assert events == []


# --- heartbeats ------------------------------------------------------------------------------


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_heartbeats_come_while_the_block_lasts() -> None:
    stream = io.StringIO()
    with pytest.raises(KeyError), emitter.heartbeats(0.001, to=stream):  # noqa: PT012
        until(lambda: stream.getvalue().count("\n") >= 3)
        raise KeyError
    said = stream.getvalue()
    assert set(said.splitlines()) == {'{"event":"heartbeat"}'}
    assert not [thread for thread in threading.enumerate() if thread.name == "heartbeats"]


def test_heartbeats_tear_no_line() -> None:
    """A thread beats without a pause while another prints long lines."""
    argv = python(
        "import sys\n"
        "with emitter.heartbeats(1e-9):\n"
        "    for n in range(2000):\n"
        "        sys.stderr.write(str(n) + 'x' * 5000 + '\\n')"
    )
    done = subprocess.run(
        argv, env={"PYTHONPATH": str(ROOT)}, capture_output=True, timeout=60, check=True
    )
    lines = done.stderr.decode().splitlines()
    beats = [line for line in lines if line == '{"event":"heartbeat"}']
    assert len(beats) > 1
    assert [line for line in lines if line not in set(beats)] == [
        f"{n}{'x' * 5000}" for n in range(2000)
    ]


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("2500", 2.5), ("", 30), ("nonsense", 30), ("-5", 30), ("0", 0.001), ("²", 30)],
)
def test_the_supervisor_says_how_often(given: str, seconds: float) -> None:
    assert emitter.asked_interval_s({"AGENT_RUNNER_HEARTBEAT_MS": given}) == seconds
    assert emitter.asked_interval_s({}) == 30
    for wrong in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="interval"), emitter.heartbeats(wrong):
            pass


def test_heartbeats_that_nobody_reads_are_no_error() -> None:
    code, _, output = start(
        python(
            "import os, sys\n"
            "read, write = os.pipe(); os.close(read); os.dup2(write, 2)\n"
            "emitter.heartbeat()\n"
            "with emitter.heartbeats(0.001): pass\n"
            "sys.stderr = None\n"
            "emitter.heartbeat()\n"
            "print('done')"
        )
    )
    assert (code, output) == (0, "done\n")
