"""Faults 50 to 56: what happens to the service itself."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import psutil
import pytest
from structlog.testing import capture_logs

from tests.conftest import Service, Serving
from tests.helpers.crashing import VARIABLE
from tests.helpers.frames import blocks, seq_of
from tests.helpers.trial import add_agent, ended, start
from tests.helpers.trial import wait_until as wait

Make = Callable[..., Service]


def conversation(service: Service, agent: str = "worker") -> dict[str, Any]:
    with service.client() as client:
        page: dict[str, Any] = client.get(f"/agents/{agent}/conversation").json()
    return page


def run_of(service: Service) -> dict[str, Any]:
    with service.client() as client:
        turn = conversation(service)["turns"][0]
        run: dict[str, Any] = client.get(f"/runs/{turn['runId']}").json()
    return run


@pytest.mark.fault(50)
def test_killed_in_the_middle_of_a_turn(service: Service, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = [
        *({"tool": "Bash", "input": {"n": n}, "output": "x" * 500} for n in range(50)),
        {"fork": 2, "daemon": True, "ignore_term": True, "pids": str(pids)},
        {"hang": True},
    ]
    body = {"prompt": json.dumps(script)}
    seen = []
    with (
        service.client(Accept="text/event-stream") as client,
        client.stream("POST", "/agents/worker/execute", json=body) as response,
    ):
        for block in blocks(response):
            if seq_of(block) is not None:
                seen.append(block)
            if len(seen) == 103:
                break
        wait(lambda: pids.exists() and pids.read_text().count("\n") == 2)
        service.process.kill()
    hidden = [int(pid) for pid in pids.read_text().split()]
    wait(lambda: not any(psutil.pid_exists(pid) for pid in hidden))
    service.stop()
    service.start()
    run = run_of(service)
    assert (run["status"], run["code"]) == ("interrupted", "interrupted")
    with service.client() as client:
        replay = client.get(f"/runs/{run['runId']}/events").content
    assert replay.startswith(b"".join(seen))
    assert replay.count(b"event: run.finished") == 1


@pytest.mark.fault(51)
@pytest.mark.parametrize("point", ["after accept 1", "before start 1", "before move 1"])
def test_killed_between_insert_and_spawn(make_service: Make, point: str) -> None:
    service = make_service(module="tests.helpers.crashing", env={VARIABLE: point})
    service.register()
    with pytest.raises(httpx.HTTPError):
        service.run("not lost")
    del service.env[VARIABLE]
    service.stop()
    service.start()
    wait(lambda: run_of(service)["status"] not in ("queued", "starting", "running"))
    run = run_of(service)
    assert (run["status"], run["content"]) == ("succeeded", "echo: not lost")


@pytest.mark.fault(52)
def test_killed_when_a_kept_process_has_the_prompt_and_nothing_says_so_yet(
    make_service: Make,
) -> None:
    """The store has the run as queued still: its raw log keeps it from being done twice."""
    service = make_service(module="tests.helpers.crashing", env={VARIABLE: "after begin 2"})
    service.register()
    assert service.run("one").json()["content"] == "echo: one"
    with pytest.raises(httpx.HTTPError):
        service.run([{"hang": True}])
    del service.env[VARIABLE]
    service.stop()
    service.start()
    with service.client() as client:
        runs = {turn["runId"] for turn in conversation(service)["turns"]}
        found = [client.get(f"/runs/{run_id}").json() for run_id in sorted(runs)]
    assert [run["status"] for run in found] == ["succeeded", "interrupted"]
    assert "queued" in found[1]["error"]


@pytest.mark.fault(52)
@pytest.mark.parametrize(
    "point", ["after warden_request 1", "before child_go 1", "after child_go 1"]
)
def test_killed_around_the_spawn(make_service: Make, tmp_path: Path, point: str) -> None:
    service = make_service(module="tests.helpers.crashing", env={VARIABLE: point})
    service.register()
    with pytest.raises(httpx.HTTPError):
        service.run([{"touch": str(tmp_path / "worked")}, {"hang": True}])
    needle = f"HOME={tmp_path}\0".encode()

    def lives() -> bool:
        for process in psutil.process_iter():
            try:
                environ = Path(f"/proc/{process.pid}/environ").read_bytes()
                if needle in environ and process.pid != service.process.pid:
                    return process.status() != psutil.STATUS_ZOMBIE
            except (OSError, psutil.Error):
                continue
        return False

    wait(lambda: not lives())
    del service.env[VARIABLE]
    service.stop()
    service.start()
    if point == "after warden_request 1":
        # It had not begun: it is begun now, and is interrupted at the next stop.
        wait((tmp_path / "worked").exists)
        service.restart()
    assert run_of(service)["status"] == "interrupted"


@pytest.mark.fault(54)
def test_sigterm_drains_then_interrupts(make_service: Make, tmp_path: Path) -> None:
    service = make_service(drain_ms=1000)
    for name in ("quick", "stuck"):
        service.register(name)
    quick, stuck = tmp_path / "quick", tmp_path / "stuck"
    scripts = {
        "quick": [{"touch": str(quick)}, {"beat": 20, "every_ms": 10}, {"text": "done"}],
        "stuck": [{"touch": str(stuck)}, {"ignore_term": True}, {"deaf": True}, {"hang": True}],
    }
    with httpx.Client(base_url=service.url, timeout=30, verify=False) as client:
        headers = {"Authorization": f"Bearer {service.token}", "Accept": "text/event-stream"}
        with (
            client.stream(
                "POST", "/agents/quick/execute", headers=headers,
                json={"prompt": json.dumps(scripts["quick"])},
            ) as first,
            client.stream(
                "POST", "/agents/stuck/execute", headers=headers,
                json={"prompt": json.dumps(scripts["stuck"])},
            ) as second,
        ):  # fmt: skip
            wait(lambda: quick.exists() and stuck.exists())
            service.process.send_signal(signal.SIGTERM)
            wait(lambda: _refused(service))
            ends = [b"".join(stream.iter_raw()) for stream in (first, second)]
    assert b'"state":"succeeded"' in ends[0]
    assert b'"state":"interrupted"' in ends[1]
    assert service.process.wait(20) == 0
    service.stop()
    service.start()


@contextmanager
def hanging(service: Service, folder: Path) -> Iterator[None]:
    """A run at work that does not end by itself, and whoever reads its stream."""
    service.register()
    here = folder / "here"
    body = {"prompt": json.dumps([{"touch": str(here)}, {"hang": True}])}
    with (
        service.client(Accept="text/event-stream") as client,
        client.stream("POST", "/agents/worker/execute", json=body),
    ):
        wait(here.exists)
        yield


def _refused(service: Service) -> bool:
    with service.client() as client:
        return bool(client.get("/ready").json().get("code") == "shutting_down")


@pytest.mark.fault(54)
def test_a_second_sigterm_does_not_wait(make_service: Make, tmp_path: Path) -> None:
    """Even if whoever started the service had the signal blocked."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    service = make_service(drain_ms=600_000)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    with hanging(service, tmp_path):
        service.process.send_signal(signal.SIGTERM)
        wait(lambda: _refused(service))
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(20) == 128 + signal.SIGTERM
    service.stop()
    service.start()
    assert run_of(service)["status"] == "interrupted"


@pytest.mark.fault(54)
def test_two_signals_at_once_do_not_wait(make_service: Make, tmp_path: Path) -> None:
    service = make_service(drain_ms=600_000)
    with hanging(service, tmp_path):
        service.process.send_signal(signal.SIGTERM)
        service.process.send_signal(signal.SIGINT)
        left = service.process.wait(20)
    assert left in (128 + signal.SIGTERM, 128 + signal.SIGINT)


@pytest.mark.fault(55)
def test_a_bad_configuration_changes_nothing(service: Service) -> None:
    config = Path(service.argv[service.argv.index("--config") + 1])
    good = config.read_text()
    config.write_text("supervision:\n  comand_ms: 5\n")
    service.process.send_signal(signal.SIGHUP)
    assert service.run("still here").json()["content"] == "echo: still here"
    service.stop()
    assert "config_invalid" in service.output
    assert "comand_ms" in service.output
    with pytest.raises(AssertionError, match="comand_ms"):
        service.start()
    config.write_text(good)
    service.stop()
    service.start()
    service.process.send_signal(signal.SIGHUP)
    assert service.run("again").json()["content"] == "echo: again"
    service.stop()
    assert "config_valid" in service.output
    service.start()


@pytest.mark.fault(56)
@pytest.mark.anyio
async def test_the_event_loop_is_held_up(serving: Serving, tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with serving() as context:
            agent = await add_agent(context, "worker", "claude-code", tmp_path)
            active = await start(context, agent, [{"beat": 5, "every_ms": 10}, {"text": "a"}])
            time.sleep(1.6)  # noqa: ASYNC251 - the fault itself
            assert (await ended(active)).answer == "a"
            await anyio.lowlevel.checkpoint()
    told = [entry for entry in logs if entry["event"] == "event_loop_blocked"]
    assert len(told) == 1
    assert Path(__file__).name in told[0]["at"]
    assert sys.version_info >= (3, 11)
