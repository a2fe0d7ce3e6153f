"""Faults 47 to 49: the way to tmux and what can go wrong on it; a mirror that fails."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import Script, Service
from tests.helpers.trial import wait_until
from tests.tmux.test_fallback import get, routes

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

MakeService = Callable[..., Service]
NOT_AUTOMATIC = {"automatic": {"enabled": False}}


@pytest.mark.fault(47)
@needs_tmux
def test_a_run_has_one_other_way(make_service: MakeService) -> None:
    """Headless dies, tmux dies: the run fails once, with both reasons."""
    service = make_service(tmux={}, agent_failures=9, fallback=NOT_AUTOMATIC)
    service.register("one")
    run = service.run([{"die": 9}], "one").json()
    assert run["status"] == "failed"
    assert "headless before it" in run["error"]
    assert routes(service, run["runId"]) == [("headless", "comm_mode"), ("tmux", "fallback")]


@pytest.mark.fault(47)
@needs_tmux
def test_an_open_circuit_and_tmux_failing_too(make_service: MakeService) -> None:
    service = make_service(tmux={}, agent_failures=1, fallback=NOT_AUTOMATIC)
    service.register("one")
    first = service.run([{"die": 9}], "one").json()
    assert len(routes(service, first["runId"])) == 2
    run = service.run([{"die": 9}], "one").json()
    assert run["status"] == "failed"
    assert routes(service, run["runId"]) == [("tmux", "circuit")]
    assert get(service, "/agents/processes/status")["processes"] == []


@pytest.mark.fault(47)
@needs_tmux
def test_what_has_run_a_tool_is_not_run_again(make_service: MakeService) -> None:
    service = make_service(tmux={}, fallback=NOT_AUTOMATIC)
    service.register("one")
    run = service.run([{"tool": "Bash", "input": {}}, {"die": 9}], "one").json()
    assert (run["status"], run["code"]) == ("failed", "cli_error")
    assert routes(service, run["runId"]) == [("headless", "comm_mode")]


@pytest.mark.fault(48)
@needs_tmux
@pytest.mark.parametrize("what", ["pane", "server"])
def test_what_is_killed_in_tmux_is_a_state_with_a_reason(
    make_service: MakeService, tmp_path: Path, what: str
) -> None:
    service = make_service(tmux={})
    service.register("one", commMode="tmux")
    begun = tmp_path / "begun"
    with ThreadPoolExecutor(1) as pool:
        script: Script = [{"touch": str(begun)}, {"hang": True}]
        asked = pool.submit(service.run, script, "one")
        wait_until(begun.exists)
        (driver,) = get(service, "/agents/processes/status")["processes"]
        family = psutil.Process(driver["pid"]).children(recursive=True)
        socket = Path(get(service, "/agents/one/terminal")["socket"])
        form = {"pane": "#{pane_pid}", "server": "#{pid}"}[what]
        told = subprocess.run(
            ["tmux", "-S", socket.name, "display-message", "-p", form],
            cwd=socket.parent,
            check=True,
            capture_output=True,
            text=True,
        )
        os.kill(int(told.stdout), signal.SIGKILL)
        run = asked.result(30).json()
    assert run["status"] == "failed"
    assert run["code"] in ("cli_killed", "no_result")
    assert run["error"]
    wait_until(lambda: not any(process.is_running() for process in family))
    assert get(service, "/agents/processes/status")["processes"] == []
    assert service.run("still there", "one").json()["content"] == "echo: still there"


@pytest.mark.fault(49)
@pytest.mark.parametrize("ill", [{"hang": True}, {"die": 9}, {"flood": 2000, "of": "event"}])
def test_an_ill_mirror_never_touches_the_primary(
    make_service: MakeService, tmp_path: Path, ill: dict[str, Any]
) -> None:
    """The mirror has no file that is ignored; where it is missing, the script is ill."""
    cwd = tmp_path / "work"
    cwd.mkdir()
    here = {"check": True, "cwd": cwd, "capture_output": True}
    subprocess.run(["git", "init", "-q"], **here)  # type: ignore[call-overload]
    (cwd / ".gitignore").write_text("primary-only\n")
    (cwd / "primary-only").touch()
    shadow = {"primary": "headless", "against": "self", "self_share": 0.0}
    service = make_service(shadow=shadow)
    service.register("one", commMode="shadow", cwd=str(cwd), timeouts={"commandMs": 2000})
    script: Script = [{"unless": "primary-only", "do": [ill]}, {"text": "answer"}]
    run = service.run(script, "one").json()
    assert (run["status"], run["content"]) == ("succeeded", "answer")
    with service.client() as client:
        events = client.get(f"/runs/{run['runId']}/events").content
    assert json.dumps("flood") not in events.decode()
    assert service.run("next", "one").json()["content"] == "echo: next"
    assert service.stop() == 0
