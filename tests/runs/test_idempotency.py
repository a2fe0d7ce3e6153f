"""A request that is sent again makes no second run; a busy agent can refuse."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.conftest import Service
from tests.helpers.frames import data_of

BODY = {"prompt": "hello", "metadata": {"b": 1, "a": 2}}


@pytest.fixture
def key() -> str:
    return secrets.token_hex(8)


def send(service: Service, key: str, body: object = BODY, **headers: str) -> httpx.Response:
    with service.client(**{"Idempotency-Key": key, **headers}) as client:
        return client.post("/agents/worker/execute", json=body)


def runs_of(service: Service) -> list[str]:
    with service.client() as client:
        page = client.get("/agents/worker/conversation").json()
    return [turn["runId"] for turn in page["turns"] if turn["role"] == "user"]


def test_a_hundred_at_once_are_one_run(idle: Service, tmp_path: Path, key: str) -> None:
    gate = tmp_path / "gate"
    body = {"prompt": json.dumps([{"wait": str(gate)}, {"text": "once"}])}
    with ThreadPoolExecutor(100) as pool:
        answers = [pool.submit(send, idle, key, body) for _ in range(100)]
        gate.touch()
        got = [answer.result() for answer in answers]
    assert {answer.status_code for answer in got} == {200}
    assert len({answer.content for answer in got}) == 1
    assert got[0].json()["content"] == "once"
    assert len(runs_of(idle)) == 1
    assert [a.headers.get("Idempotent-Replayed") for a in got].count(None) == 1


def test_the_same_answer_later_and_after_a_restart(idle: Service, key: str) -> None:
    first = send(idle, key)
    again = send(idle, key, {"metadata": {"a": 2, "b": 1}, "prompt": "hello"})
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    idle.restart()
    assert send(idle, key).json() == first.json()
    assert len(runs_of(idle)) == 1
    stream = send(idle, key, Accept="text/event-stream")
    kinds = [data_of(frame.encode())["type"] for frame in stream.text.split("\n\n") if frame]
    assert (kinds[0], kinds[-1]) == ("run.queued", "run.finished")
    assert send(idle, f"{key}2").json()["runId"] != first.json()["runId"]


def test_a_failed_run_is_answered_alike(make_service: Callable[..., Service], key: str) -> None:
    service = make_service()
    service.register()
    body = {"prompt": json.dumps([{"error": "Invalid API key", "status": 401}])}
    first, again = send(service, key, body), send(service, key, body)
    assert first.status_code == again.status_code == 503
    assert first.json() == again.json()


@pytest.mark.parametrize(
    "changed",
    [{"prompt": "other"}, {"metadata": {}}, {"timeoutMs": 5}, {"busy": "reject"}],
    ids=str,
)
def test_another_request_with_the_key_is_refused(
    idle: Service, key: str, changed: dict[str, object]
) -> None:
    assert send(idle, key).status_code == 200
    answer = send(idle, key, {**BODY, **changed})
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")
    assert len(runs_of(idle)) == 1


@pytest.mark.parametrize("wrong", ["", "x" * 256, "a b"])
def test_a_key_that_is_none(idle: Service, wrong: str) -> None:
    answer = send(idle, wrong)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_idempotency_key")


def test_a_key_belongs_to_its_agent(idle: Service, key: str) -> None:
    idle.register("other")
    first = send(idle, key).json()
    with idle.client(**{"Idempotency-Key": key}) as client:
        second = client.post("/agents/other/execute", json=BODY).json()
    assert second["agentId"] == "other"
    assert first["runId"] != second["runId"]


def test_a_busy_agent_queues_or_refuses(idle: Service, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    idle.register("shy", busy="reject")
    hold = json.dumps([{"wait": str(gate)}])
    for name, fields, status in (
        ("worker", {"busy": "reject"}, 409),
        ("shy", {}, 409),
        ("shy", {"busy": "queue"}, 200),
    ):
        gate.unlink(missing_ok=True)
        with idle.client(Accept="text/event-stream") as client:
            path = f"/agents/{name}/execute"
            with client.stream("POST", path, json={"prompt": hold}) as held:
                frames = held.iter_raw()
                next(frames)
                with ThreadPoolExecutor(1) as pool:
                    second = pool.submit(idle.run, "second", name, **fields)
                    if status == 200:
                        while not idle.queued(name):
                            pass
                        gate.touch()
                    answer = second.result()
                gate.touch()
                for _ in frames:
                    pass
        assert answer.status_code == status
        assert answer.json().get("code") == ("agent_busy" if status == 409 else None)
