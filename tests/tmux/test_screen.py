"""Programs of which nothing is known but their prompt, in a real tmux, through the service."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import SCRIPTED, ModuleService, Service
from tests.helpers.frames import data_of
from tests.helpers.trial import wait_until

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

REPL = [sys.executable, "-I", "-S", str(SCRIPTED.with_name("repl.py"))]
SHELL = ["env", "PS1=$ ", "ENV=", "sh", "-i"]
SOON = {"agent_runner.agents.screen.profile.SETTLE_MS": 300}
"""A screen counts as at rest sooner than it does for a user."""


@pytest.fixture(scope="module")
def live(module_service: ModuleService) -> Service:
    """An agent for each kind of program."""
    service = module_service(tmux={}, start_ms=60_000, constants=SOON)
    custom(service, "repl", REPL)
    custom(service, "shell", SHELL)
    custom(service, "box", [*REPL, "--box"], multiline=True)
    return service


def custom(service: Service, name: str, command: list[str], **terminal: Any) -> None:
    service.register(name, type="custom", commMode="tmux", command=command, terminal=terminal)


def events(service: Service, run_id: str) -> list[dict[str, Any]]:
    with service.client() as client:
        found = client.get(f"/runs/{run_id}/events").content
    return [data_of(block) for block in found.split(b"\n\n") if block.startswith(b"id: ")]


def notices(service: Service, run: dict[str, Any], code: str) -> list[dict[str, Any]]:
    told = events(service, run["runId"])
    return [e for e in told if e["type"] == "notice" and e["code"] == code]


def content(service: Service, prompt: str, agent: str) -> str:
    run = service.run(prompt, agent).json()
    assert run["status"] == "succeeded", run
    return str(run["content"])


def test_an_answer_is_read_and_said_to_be(live: Service) -> None:
    run = live.run("hello", "repl").json()
    assert (run["status"], run["content"]) == ("succeeded", "echo: hello"), run
    assert (run["route"]["mode"], run["form"]) == ("tmux", "terminal")
    (told,) = notices(live, run, "screen_read")
    assert (told["level"], told["data"]) == ("warning", {"cut": False})
    (receipt,) = notices(live, run, "delivered")
    assert receipt["data"] == {"by": "screen", "attempts": 1}


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("lines 3", "line 1 of 3\nline 2 of 3\nline 3 of 3"),
        ("lines 200", "\n".join(f"line {n} of 200" for n in range(1, 201))),
        ("wide 1000", "0123456789" * 100),
        ("bare no line end", "no line end"),
        ("slow 12", "\n".join(f"step {n}" for n in range(1, 13))),
        ("h\u00e9llo \u4f60\u597d \U0001f600", "echo: h\u00e9llo \u4f60\u597d \U0001f600"),
        ("nap like a prompt > ", "echo: nap like a prompt >"),
        ("lines 0", ""),
        ("x" * 700, "echo: " + "x" * 700),
    ],
    ids=lambda value: value[:12],
)
def test_answers(live: Service, prompt: str, answer: str) -> None:
    assert content(live, prompt, "repl") == answer


def test_the_same_answer_twice(live: Service) -> None:
    assert [content(live, "again", "repl") for _ in range(3)] == ["echo: again"] * 3


def test_a_shell(live: Service) -> None:
    assert content(live, "printf '%s\\n' one two", "shell") == "one\ntwo"
    assert content(live, "seq 200", "shell") == "\n".join(map(str, range(1, 201)))
    assert content(live, "echo hello", "shell") == "hello"
    assert content(live, "true", "shell") == ""


def test_a_screen_that_is_drawn_anew(live: Service) -> None:
    assert content(live, "hello", "box") == "echo: hello"
    assert content(live, "two\nlines\tand a tab", "box") == "echo: two\nlines   and a tab"
    assert content(live, "hello", "box") == "echo: hello"


def test_a_screen_that_has_scrolled_by_itself(live: Service) -> None:
    """Only what it shows can be read, and that it was more is told."""
    for _ in range(2):
        assert content(live, "lines 30", "box").splitlines()[::29] == [
            "line 1 of 30",
            "line 30 of 30",
        ]
    run = live.run("lines 60", "box").json()
    assert run["content"].splitlines()[-1] == "line 60 of 60"
    (told,) = notices(live, run, "screen_read")
    assert told["data"] == {"cut": True}
    assert content(live, "hello", "box") == "echo: hello"


def test_a_swallowed_submit_key_is_repaired(live: Service) -> None:
    assert content(live, "swallow", "box") == "echo: swallow"
    run = live.run("hello", "box").json()
    assert run["content"] == "echo: hello"
    (receipt,) = notices(live, run, "delivered")
    assert receipt["data"] == {"by": "screen", "attempts": 2}


@pytest.mark.parametrize("prompt", ["two\nlines", "a\tb", "\x03"])
def test_what_would_be_a_key_is_refused(live: Service, prompt: str) -> None:
    assert_refused(live.run(prompt, "repl"))


def assert_refused(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (422, "prompt_refused"), answer.text
    assert answer.json()["run"]["status"] == "failed"


def terminals(service: Service) -> list[Path]:
    """The private folders of what lives in tmux."""
    return [socket.parent for socket in service.state_dir.rglob("t") if socket.is_socket()]


def test_a_prompt_that_a_terminal_would_cut_is_refused(live: Service) -> None:
    longest = "z" * 4094
    assert_refused(live.run(longest + "z", "repl"))
    assert content(live, longest, "repl") == f"echo: {longest}"


def test_what_somebody_left_in_the_line_is_removed(make_service: Callable[..., Service]) -> None:
    service = make_service(tmux={})
    custom(service, "repl", REPL)
    assert content(service, "hello", "repl") == "echo: hello"
    (folder,) = terminals(service)
    words = ["tmux", "-S", "t", "send-keys", "-t", "agent", "left over"]
    subprocess.run(words, cwd=folder, check=True)
    assert content(service, "again", "repl") == "echo: again"


def hang(service: Service, agent: str) -> dict[str, Any]:
    """Cancel a run that never answers, once its prompt was taken; its record."""
    with service.client(Accept="text/event-stream") as client:
        where = f"/agents/{agent}/execute"
        with client.stream("POST", where, json={"prompt": "hang"}) as response:
            stream = response.iter_raw()
            run_id = data_of(next(stream))["runId"]
            while b'"delivered"' not in next(stream):
                pass
            client.post(f"{where}/cancel", json={})
            for _ in stream:
                pass
    with service.client() as client:
        run: dict[str, Any] = client.get(f"/runs/{run_id}").json()
        return run


def test_a_hanging_answer_is_interrupted_by_keys(make_service: Callable[..., Service]) -> None:
    service = make_service(tmux={}, cancel_grace_ms=10_000)
    custom(service, "repl", REPL)
    assert content(service, "hello", "repl") == "echo: hello"
    (folder,) = terminals(service)
    over = hang(service, "repl")
    assert over["status"] == "cancelled", over
    assert terminals(service) == [folder], "the program lives on"
    assert content(service, "after it", "repl") == "echo: after it"
    assert terminals(service) == [folder]


def test_a_long_answer_is_a_sign_of_life(make_service: Callable[..., Service]) -> None:
    service = make_service(tmux={})
    timeouts = {"noOutputMs": 3000}
    options = {"type": "custom", "commMode": "tmux", "command": REPL, "terminal": {}}
    service.register("repl", timeouts=timeouts, **options)
    run = service.run("slow 45", "repl").json()
    assert run["status"] == "succeeded", run
    assert run["content"].endswith("step 44\nstep 45")


def test_a_program_that_ends_in_the_middle(live: Service) -> None:
    run = live.run("exit 3", "repl").json()
    assert (run["status"], run["code"]) == ("failed", "cli_error"), run
    assert content(live, "hello", "repl") == "echo: hello"


def test_a_program_that_never_waits_ends_the_run_by_itself(
    make_service: Callable[..., Service],
) -> None:
    constants = {**SOON, "agent_runner.agents.screen.profile.READY_MS": 1500}
    service = make_service(tmux={}, constants=constants)
    custom(service, "lost", [*REPL, "--lost"])
    before = time.monotonic()
    run = service.run("hello", "lost").json()
    assert (run["status"], run["code"]) == ("failed", "undelivered"), run
    assert "Choose a colour" in run["error"]
    assert time.monotonic() - before < 20
    wait_until(lambda: terminals(service) == [])


def test_a_program_that_no_longer_waits_is_replaced(
    make_service: Callable[..., Service],
) -> None:
    constants = {**SOON, "agent_runner.agents.screen.profile.READY_MS": 1500}
    service = make_service(tmux={}, constants=constants)
    custom(service, "shell", SHELL)
    assert content(service, "echo hello", "shell") == "hello"
    (folder,) = terminals(service)
    words = ["tmux", "-S", "t", "send-keys", "-t", "agent", "clear; sleep 600", "Enter"]
    subprocess.run(words, cwd=folder, check=True)
    assert content(service, "echo hello", "shell") == "hello"
    (other,) = terminals(service)
    assert other != folder


def test_a_command_without_a_terminal_is_not_run_in_one(live: Service) -> None:
    live.register("batch", type="custom", commMode="tmux", command=["cat"])
    answer = live.run("hello", "batch")
    assert (answer.status_code, answer.json()["code"]) == (503, "tmux_unavailable")


@pytest.mark.parametrize(
    ("terminal", "code"),
    [
        ({"prompt": "("}, "invalid_option"),
        ({"prompt": ".*"}, "invalid_option"),
        ({"prompt": ""}, "invalid_body"),
        ({"submit": []}, "invalid_option"),
        ({"interrupt": ["-X"]}, "invalid_option"),
        ({"clear": ["Ctrl-U"]}, "invalid_option"),
        ({"keys": ["a"]}, "invalid_body"),
        ("yes", "invalid_body"),
    ],
    ids=str,
)
def test_a_terminal_that_cannot_be_is_refused(live: Service, terminal: Any, code: str) -> None:
    body = {"agentId": "x", "type": "custom", "cwd": str(live.cwd), "command": ["sh"]}
    with live.client() as client:
        answer = client.post("/agents/register", json={**body, "terminal": terminal})
        assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
        assert client.get("/agents/x").status_code == 404
