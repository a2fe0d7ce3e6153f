"""From headless to tmux and back, through the whole service, with the scripted terminal UI."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import Service
from tests.helpers.frames import data_of
from tests.helpers.trial import wait_until

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

MakeService = Callable[..., Service]


def post(service: Service, where: str, **body: Any) -> httpx.Response:
    with service.client() as client:
        return client.post(where, json=body)


def get(service: Service, where: str) -> Any:
    with service.client() as client:
        return client.get(where).json()


def events(service: Service, run_id: str) -> list[dict[str, Any]]:
    with service.client() as client:
        found = client.get(f"/runs/{run_id}/events").content
    blocks = [block for block in found.split(b"\n\n") if block.startswith(b"id: ")]
    return [data_of(block) for block in blocks]


def routes(service: Service, run_id: str) -> list[tuple[str, str]]:
    told = [e for e in events(service, run_id) if e["type"] == "route.decided"]
    return [(e["mode"], e["source"]) for e in told]


def test_a_conversation_goes_on_in_the_other_mode_and_back(make_service: MakeService) -> None:
    service = make_service(tmux={})
    service.register("one")
    runs = [
        service.run(f"turn {mode}", "one", mode=mode).json()
        for mode in ("headless", "tmux", "headless", "tmux")
    ]
    assert [run["form"] for run in runs] == ["warm", "terminal", "warm", "terminal"]
    assert [run["content"] for run in runs] == [
        f"echo: turn {run['route']['mode']}" for run in runs
    ]
    assert len({run["sessionId"] for run in runs}) == 1
    assert len({run["conversationId"] for run in runs}) == 1
    living = get(service, "/agents/processes/status")["processes"]
    assert [p["form"] for p in living] == ["terminal"], "never two processes on one session"


def test_disabled_in_the_middle_of_fifty_prompts(make_service: MakeService, tmp_path: Path) -> None:
    """25 are answered headless, 25 in tmux, none is lost; it stays so after a kill."""
    service = make_service(tmux={}, queue_depth=100)
    service.register("one")
    gate = tmp_path / "gate"
    prompts = [f"prompt {number}" for number in range(50)]
    prompts[24] = json.dumps([{"wait": str(gate)}, {"text": "echo: prompt 24"}])
    with ThreadPoolExecutor(50) as pool:
        asked = []
        for number, prompt in enumerate(prompts):
            asked.append(pool.submit(service.run, prompt, "one"))
            wait_until(lambda n=number: _accepted(service) >= n + 1)  # type: ignore[misc]
        wait_until(lambda: len(service.queued("one")) == 25)
        post(service, "/api/fallback/cli/disable", type="claude-code", reason="drill", by="olivia")
        gate.touch()
        answers = [answer.result(120).json() for answer in asked]
    assert [a["content"] for a in answers] == [f"echo: prompt {n}" for n in range(50)]
    modes = [a["route"]["mode"] for a in answers]
    assert modes == ["headless"] * 25 + ["tmux"] * 25
    assert all(a["route"]["source"] == "type_toggle" for a in answers[25:])
    service.stop(signal.SIGKILL)
    service.start()
    (toggle,) = get(service, "/api/fallback/status")["toggles"]
    assert (toggle["name"], toggle["mode"], toggle["setBy"]) == ("claude-code", "tmux", "olivia")
    assert service.run("after", "one").json()["route"]["mode"] == "tmux"
    (entry,) = get(service, "/api/fallback/audit")["entries"]
    assert (entry["by"], entry["via"], entry["reason"]) == ("olivia", "http", "drill")


def _accepted(service: Service) -> int:
    (session,) = [
        s for s in get(service, "/agents/sessions/status")["sessions"] if s["agentId"] == "one"
    ]
    turns = get(service, "/agents/one/conversation")["turns"]
    return max(len([t for t in turns if t["direction"] == "inbound"]), len(session["queued"]))


# Both ways have this long to begin, and a terminal takes a while on a busy machine.
HUNG_MS = 3000
HANG_HEADLESS = {"SCRIPTED_HEADLESS": json.dumps([{"hang": True}])}


def test_a_run_that_hangs_headless_is_answered_in_tmux(make_service: MakeService) -> None:
    service = make_service(tmux={}, start_ms=HUNG_MS)
    service.register("one", env=HANG_HEADLESS)
    run = service.run("hello", "one").json()
    assert (run["status"], run["content"]) == ("succeeded", "echo: hello")
    assert run["route"]["afterCode"] == "start_timeout"
    assert run["form"] == "terminal"
    assert routes(service, run["runId"]) == [("headless", "comm_mode"), ("tmux", "fallback")]
    kinds = [e["type"] for e in events(service, run["runId"])]
    assert kinds.count("run.finished") == 1
    assert kinds[-1] == "run.finished"


def test_a_cli_that_begins_to_hang_is_moved_and_brought_back(
    make_service: MakeService, tmp_path: Path
) -> None:
    """Every prompt is answered, while it is ill and when it is well again."""
    automatic = {"dwell_ms": 500, "settle_ms": 1, "canaries": 2}
    service = make_service(
        tmux={}, start_ms=HUNG_MS, cooldown_ms=1, fallback={"automatic": automatic}
    )
    ill = tmp_path / "ill"
    env = {"SCRIPTED_HEADLESS": json.dumps([{"hang_while": str(ill)}])}
    service.register("one", env=env)

    def prompt() -> dict[str, Any]:
        run: dict[str, Any] = service.run("hello", "one").json()
        assert run["content"] == "echo: hello", run
        return dict(run["route"])

    assert prompt()["mode"] == "headless"
    ill.touch()
    post(service, "/agents/one/end-session")
    while not get(service, "/api/fallback/status")["toggles"]:
        assert prompt()["source"] in ("comm_mode", "fallback")
    (toggle,) = get(service, "/api/fallback/status")["toggles"]
    assert (toggle["name"], toggle["automatic"]) == ("one", True)
    wait_until(lambda: prompt()["source"] == "agent_toggle")
    ill.unlink()
    wait_until(lambda: prompt()["source"] == "canary")
    assert prompt()["source"] == "canary"
    assert prompt() | {"reason": ""} == {"mode": "headless", "source": "comm_mode", "reason": ""}
    kinds = [e["type"] for e in reversed(get(service, "/api/fallback/audit")["entries"])]
    assert kinds[0] == "toggle.set"
    assert kinds[-1] == "toggle.cleared"
    assert kinds.count("canary.started") == kinds.count("canary.finished")


def test_a_cli_that_the_doctor_finds_ill_is_moved(
    make_service: MakeService, tmp_path: Path
) -> None:
    ill = tmp_path / "claude"
    ill.write_text("#!/bin/sh\necho no version\nexit 3\n")
    ill.chmod(0o755)
    service = make_service(
        tmux={}, programs={"claude-code": str(ill)}, fallback={"automatic": {"doctor_ms": 50}}
    )
    service.register("one")
    wait_until(lambda: bool(get(service, "/api/fallback/status")["toggles"]))
    (toggle,) = get(service, "/api/fallback/status")["toggles"]
    assert (toggle["scope"], toggle["name"]) == ("type", "claude-code")
    assert toggle["evidence"]["kind"] == "doctor"
    assert "exited with 3" in toggle["reason"]
