"""The link that opens the page: who prints it, and to whom."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from agent_runner.cli.page_link import page_link
from tests.conftest import ModuleService, Service

CLI = [sys.executable, "-m", "agent_runner.cli.main"]


@pytest.mark.parametrize(
    ("url", "token", "link"),
    [
        ("http://127.0.0.1:8420", "abc", "http://127.0.0.1:8420/#token=abc"),
        ("http://127.0.0.1:8420", None, "http://127.0.0.1:8420/"),
        ("http://0.0.0.0:8420", "abc", "http://127.0.0.1:8420/#token=abc"),
        ("http://[::]:8420", "abc", "http://[::1]:8420/#token=abc"),
        ("https://agents.example", "a+b&c#d e", None),
        ("https://agents.example/", "abc", "https://agents.example/#token=abc"),
    ],
)
def test_a_link(url: str, token: str | None, link: str | None) -> None:
    made = page_link(url, token)
    assert link in (None, made)
    fragment = parse_qs(urlsplit(made).fragment)
    assert fragment == ({"token": [token]} if token else {})


@pytest.fixture(scope="module")
def live(module_service: ModuleService) -> Service:
    return module_service()


def run(service: Service, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    given = {**service.env, "AGENT_RUNNER_STATE_DIR": str(service.state_dir), **env}
    return subprocess.run(
        [*CLI, *words], env=given, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_command_prints_it_whoever_reads(live: Service) -> None:
    done = run(live, "link")
    assert (done.returncode, done.stdout) == (0, f"{live.url}/#token={live.token}\n")


def test_a_link_that_would_not_work_is_not_printed(live: Service) -> None:
    wrong = run(live, "link", AGENT_RUNNER_TOKEN="not-the-right-one")
    assert wrong.returncode == 1
    assert "[unauthorized]" in wrong.stderr
    away = run(live, "link", "--url", "http://127.0.0.1:1")
    assert away.returncode == 6
    assert "agent-runner serve" in away.stderr
    assert not wrong.stdout + away.stdout


def test_without_a_token_there_is_none_in_it(make_service: Callable[..., Service]) -> None:
    service = make_service(server={"auth": "none"})
    assert f"Open {service.url}/\n" in service.output
    (service.state_dir / "token").write_text("of an earlier service\n")
    assert run(service, "link").stdout == f"{service.url}/\n"


def test_it_is_opened_by_a_file_that_nobody_else_can_read(live: Service, tmp_path: Path) -> None:
    browser, log = tmp_path / "browser", tmp_path / "log"
    browser.write_text(f'#!/bin/sh\necho "$@" > {log}\n')
    browser.chmod(0o755)
    done = run(live, "link", "--open", BROWSER=str(browser))
    assert (done.returncode, done.stdout) == (0, f"{live.url}/#token={live.token}\n")
    called = log.read_text().strip()
    assert live.token not in called
    file = Path(urlsplit(called).path)
    assert file.stat().st_mode & 0o777 == 0o600
    assert f"url={live.url}/#token={live.token}" in file.read_text()
    none = run(live, "link", "--open", BROWSER="/bin/false", PATH="/nowhere")
    assert none.returncode == 1
    assert "[no_browser]" in none.stderr
    assert live.token in none.stdout


def test_a_journal_is_told_how_to_get_it(live: Service) -> None:
    assert live.token not in live.output
    place = f"--state-dir {live.state_dir}"
    assert f"Open {live.url}/   the link that logs in: agent-runner link {place}\n" in live.output


def test_a_terminal_is_shown_it(tmp_path: Path) -> None:
    state = tmp_path / "state"
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm"}
    env["PYTHONPATH"] = str(Path(__file__).parents[2])
    terminal, side = pty.openpty()
    words = ["serve", "--port", "0", "--state-dir", str(state)]
    process = subprocess.Popen([*CLI, *words], env=env, stdout=side, stderr=subprocess.DEVNULL)
    os.close(side)
    try:
        text, deadline = "", time.monotonic() + 60
        while "Ready" not in text and time.monotonic() < deadline:
            text += os.read(terminal, 4096).decode()
    finally:
        process.terminate()
        process.wait(30)
        os.close(terminal)
    token = (state / "token").read_text().strip()
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    assert re.fullmatch(r"agent-runner \S+ listens on (http://127.0.0.1:\d+)", lines[0])
    url = lines[0].split()[-1]
    assert lines[1] == f"Open {url}/#token={token}"
    # Nowhere else.
    assert text.count(token) == 1
    assert f"agent-runner exec demo Hello --state-dir {state}" in text
