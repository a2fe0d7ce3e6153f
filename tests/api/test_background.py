"""Work that outlives its turn, over HTTP: until it is settled, and after a kill."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import Service
from tests.helpers.frames import blocks, data_of
from tests.helpers.trial import wait_until

COMMAND = {"command": "make"}


def told(service: Service, path: str) -> dict[str, Any]:
    with service.client() as client:
        response = client.get(path)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def waiting(service: Service) -> dict[str, Any]:
    """The one approval that waits."""
    found: list[dict[str, Any]] = []

    def is_there() -> bool:
        found[:] = told(service, "/approvals?state=pending")["approvals"]
        return bool(found)

    wait_until(is_there)
    return found[0]


def events(service: Service, conversation: str) -> list[dict[str, Any]]:
    last = told(service, f"/conversations/{conversation}")["conversation"]["lastEventSeq"]
    found: list[dict[str, Any]] = []
    with (
        service.client() as client,
        client.stream("GET", f"/conversations/{conversation}/events") as response,
    ):
        for block in blocks(response):
            if block.startswith(b":") or b"id: " not in block[:8]:
                continue
            found.append(data_of(block))
            if found[-1]["seq"] >= last:
                break
    return found


def test_settled_answers_with_everything_it_said(service: Service, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    script = [{"background": [{"wait": str(gate)}], "told": "All green."}, {"text": "Begun."}]
    answers: list[Any] = []
    asking = threading.Thread(
        target=lambda: answers.append(service.run(json.dumps(script), until="settled"))
    )
    asking.start()
    wait_until(lambda: _session(service)["warm"] != [])
    assert [task["title"] for task in _session(service)["warm"][0]["background"]] == ["look"]
    assert answers == []
    gate.touch()
    asking.join(20)
    body = answers[0].json()
    assert (body["content"], body["trigger"], body["causedBy"]) == ("Begun.", "prompt", None)
    (later,) = body["background"]
    assert (later["content"], later["status"]) == ("All green.", "succeeded")
    assert (later["trigger"], later["causedBy"]) == ("background", body["runId"])
    assert told(service, f"/runs/{later['runId']}") == later
    assert "background" not in service.run("again").json()
    assert service.run("again", until="settled").json()["background"] == []


def _session(service: Service) -> dict[str, Any]:
    (session,) = [
        each
        for each in told(service, "/agents/sessions/status")["sessions"]
        if each["agentId"] == "worker"
    ]
    return dict(session)


def test_a_stream_until_settled_goes_on_with_the_runs_behind(
    service: Service, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    script = [{"background": [{"wait": str(gate)}], "told": "All green."}, {"text": "Begun."}]
    body = {"prompt": json.dumps(script), "until": "settled"}
    got: list[dict[str, Any]] = []
    with (
        service.client(Accept="text/event-stream") as client,
        client.stream("POST", "/agents/worker/execute", json=body) as response,
    ):
        for block in blocks(response):
            if not block.startswith(b":"):
                got.append(data_of(block))
                if got[-1]["type"] == "run.finished":
                    gate.touch()
    ends = [event for event in got if event["type"] == "run.finished"]
    assert len(ends) == 2
    assert len({end["runId"] for end in ends}) == 2
    texts = [event["text"] for event in got if event["type"] == "message.completed"]
    assert texts == ["Begun.", "All green."]


@pytest.mark.parametrize("streamed", [False, True], ids=["answer", "stream"])
def test_who_asks_again_waits_for_it_too(service: Service, tmp_path: Path, streamed: bool) -> None:
    """Its first request broke off, and the run is over since."""
    gate = tmp_path / "gate"
    script = [{"background": [{"wait": str(gate)}], "told": "All green."}, {"text": "Begun."}]
    body = {"prompt": json.dumps(script), "until": "settled"}
    key = {"Idempotency-Key": "the-same"}
    with (
        service.client(Accept="text/event-stream", **key) as client,
        client.stream("POST", "/agents/worker/execute", json=body) as response,
    ):
        for block in blocks(response):
            if b"run.finished" in block:
                break
    answers: list[httpx.Response] = []

    def again() -> None:
        accept = "text/event-stream" if streamed else "application/json"
        with service.client(Accept=accept, **key) as client:
            answers.append(client.post("/agents/worker/execute", json=body))

    asking = threading.Thread(target=again)
    asking.start()
    asking.join(0.5)
    assert answers == []
    gate.touch()
    asking.join(20)
    assert answers[0].headers["Idempotent-Replayed"] == "true"
    if streamed:
        got = [data_of(b) for b in answers[0].content.split(b"\n\n") if b"data: " in b]
        texts = [event["text"] for event in got if event["type"] == "message.completed"]
        assert texts == ["Begun.", "All green."]
        assert [event["type"] for event in got].count("run.finished") == 2
    else:
        (later,) = answers[0].json()["background"]
        assert later["content"] == "All green."


@pytest.mark.parametrize("warm", [8, 0], ids=["warm", "once"])
def test_a_kill_in_the_middle_names_what_is_lost(
    make_service: Callable[..., Service], tmp_path: Path, warm: int
) -> None:
    service = make_service(warm_processes=warm)
    service.register()
    script = [
        {"background": [{"ask": "Bash", "input": COMMAND}], "title": "the survey"},
        {"background": [{"wait": str(tmp_path / "never")}], "title": "the server"},
        {"text": "Begun."},
    ]
    first = service.run(json.dumps(script)).json()
    assert first["content"] == "Begun."
    approval = waiting(service)
    assert approval["runId"] != first["runId"]
    service.process.kill()
    service.restart()
    run = told(service, f"/runs/{approval['runId']}")
    assert (run["status"], run["trigger"]) == ("interrupted", "background")
    assert told(service, f"/approvals/{approval['approvalId']}")["state"] == "voided"
    seen = events(service, first["conversationId"])
    (lost,) = [event for event in seen if event["type"] == "background.lost"]
    assert lost["reason"] == "crash"
    assert [task["title"] for task in lost["tasks"]] == ["the survey", "the server"]
    assert [event["seq"] for event in seen] == list(range(1, len(seen) + 1))
    assert service.run("after it").json()["content"] == "echo: after it"
