"""What people saw of an answer is in the history, whoever was killed in its middle."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.conftest import Script, Service
from tests.helpers.frames import blocks, data_of
from tests.helpers.trial import EVERY_WAY, Way, wait_until

PIECES = [f"piece {number:02} " for number in range(16)]


STREAMING = [param for param in EVERY_WAY if param.id != "factory-droid-once"]
"""Factory Droid's one-shot form prints whole messages only."""


class Watched:
    """A prompt whose stream is read until it breaks off."""

    def __init__(self, service: Service, script: Script, **body: Any) -> None:
        self.events: list[dict[str, Any]] = []
        self._service = service
        self._body = {"prompt": json.dumps(script), **body}
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        try:
            with (
                self._service.client(Accept="text/event-stream") as client,
                client.stream("POST", "/agents/worker/execute", json=self._body) as response,
            ):
                for block in blocks(response):
                    if not block.startswith(b":"):
                        self.events.append(data_of(block))
        except httpx.HTTPError:
            pass

    def seen(self) -> str:
        kinds = ("message.delta", "item.snapshot")
        return "".join(e["text"] for e in list(self.events) if e["type"] in kinds)

    def over(self) -> list[dict[str, Any]]:
        self._thread.join(20)
        return self.events


def history(service: Service) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """The last run of the worker's conversation, its events, and the turns."""
    with service.client() as client:
        turns = client.get("/agents/worker/conversation").json()["turns"]
        run = client.get(f"/runs/{turns[-1]['runId']}").json()
        found = client.get(f"/runs/{run['runId']}/events").content
    events = [data_of(block) for block in found.split(b"\n\n") if block.startswith(b"id: ")]
    return run, events, turns


def texts(events: list[dict[str, Any]]) -> list[str]:
    return [event["text"] for event in events if event["type"] == "message.completed"]


def script(hold: Path) -> Script:
    """A tool, a whole text, and a text that stops in its middle."""
    return [
        {"tool": "Read", "input": {"file_path": "a"}, "output": "alpha"},
        {"text": "First I look."},
        {"tool": "Read", "input": {"file_path": "b"}, "output": "beta"},
        {"streamed": PIECES, "then_wait": str(hold)},
    ]


@pytest.mark.parametrize("turn", [1, 2])
@pytest.mark.parametrize("way", STREAMING)
def test_a_killed_service_has_what_was_streamed(
    make_service: Callable[..., Service], tmp_path: Path, way: Way, turn: int
) -> None:
    service = make_service(**way.limits)
    service.register(type=way.agent_type)
    if turn == 2:
        assert service.run([{"tool": "Read"}, {"text": "Earlier."}]).json()["success"]
    watched = Watched(service, script(tmp_path / "never"))
    wait_until(lambda: watched.seen().endswith("".join(PIECES)))
    service.process.kill()
    watched.over()
    service.restart()
    run, events, turns = history(service)
    assert (run["status"], run["code"]) == ("interrupted", "interrupted")
    assert texts(events)[-2:] == ["First I look.", "".join(PIECES)]
    ends = [event for event in events if event["type"] == "message.completed"]
    assert [bool(event.get("partial")) for event in ends] == [False, True]
    assert turns[-1]["content"] == "".join(PIECES)
    assert turns[-1]["metadata"] == {"partial": True}
    assert run["durationMs"] > 0
    assert run["sessionId"]
    # Those that do not print it are asked for it meanwhile, and tell it from the next run on.
    assert run["cliVersion"] == "9.9.9" or (turn == 1 and way.agent_type != "claude-code")
    tools = [event for event in events if event["type"].startswith("tool.")]
    started = [event["toolCallId"] for event in tools if event["type"] == "tool.started"]
    completed = [event["toolCallId"] for event in tools if event["type"] == "tool.completed"]
    assert len(started) == len(completed) == 2
    assert sorted(started) == sorted(completed)
    assert [event["seq"] for event in events] == sorted({event["seq"] for event in events})
    assert events[-1]["type"] == "run.finished"


@pytest.mark.parametrize("way", STREAMING)
def test_a_killed_cli_leaves_what_it_had_said(
    make_service: Callable[..., Service], tmp_path: Path, way: Way
) -> None:
    service = make_service(**way.limits)
    service.register(type=way.agent_type)
    watched = Watched(service, script(tmp_path / "never"))
    wait_until(lambda: watched.seen().endswith("".join(PIECES)))
    with service.client() as client:
        (process,) = client.get("/agents/processes/status").json()["processes"]
    psutil.Process(process["pid"]).kill()
    watched.over()
    run, events, turns = history(service)
    assert run["status"] == "failed"
    assert texts(events)[-1] == "".join(PIECES)
    assert [e for e in events if e["type"] == "message.completed"][-1]["partial"] is True
    assert (turns[-1]["content"], turns[-1]["metadata"]) == ("".join(PIECES), {"partial": True})


@pytest.mark.parametrize("seed", range(6))
def test_at_any_point_what_a_client_saw_is_in_the_history(
    make_service: Callable[..., Service], tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    service = make_service()
    service.register()
    steps: Script = []
    for number in range(30):
        steps.append({"tool": "Bash", "input": {"n": number}, "output": str(number)})
        steps.append({"text": f"text {number} " * 20, "deltas": 10})
    watched = Watched(service, steps)
    point = rng.randrange(1, 400)
    wait_until(lambda: len(watched.events) >= point or not watched._thread.is_alive())
    service.process.kill()
    seen = watched.over()
    service.restart()
    run, events, _ = history(service)
    assert run["status"] in ("interrupted", "succeeded")
    told = {event["seq"]: event for event in events}
    for event in seen:
        if "seq" in event:
            assert told[event["seq"]] == event
    whole = {e["itemId"]: e["text"] for e in events if e["type"] == "message.completed"}
    pieces: dict[str, str] = {}
    for event in seen:
        if event["type"] == "message.delta":
            pieces[event["itemId"]] = pieces.get(event["itemId"], "") + event["text"]
    for item, text in pieces.items():
        assert whole[item].startswith(text)
    started = [e["toolCallId"] for e in events if e["type"] == "tool.started"]
    completed = [e["toolCallId"] for e in events if e["type"] == "tool.completed"]
    assert len(set(started)) == len(started)
    assert sorted(completed) == sorted(started)
