"""JSON that nobody could tell again: refused at the gate, survived where it is stored already."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from agent_runner.api.application import ENDPOINTS
from tests.conftest import ModuleService, Service

LIMIT = 2000
DEEPEST = 64


@pytest.fixture(scope="module")
def live(module_service: ModuleService) -> Service:
    service = module_service(json_bytes=LIMIT)
    service.register()
    return service


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth - 1):
        value = {"d": value}
    return value


def bodies(value: Any) -> list[tuple[str, str, dict[str, Any]]]:
    """Every request with a field that may hold anything."""
    agent = {"agentId": "free", "type": "claude-code"}
    return [
        ("POST", "/agents/register", {**agent, "mcpServers": {"s": value}}),
        ("PATCH", "/agents/worker", {"mcpServers": {"s": value}}),
        ("POST", "/agents/worker/execute", {"prompt": "x", "metadata": value}),
        ("POST", "/agents/worker/send", {"content": "x", "metadata": value}),
        ("POST", "/replies", {"ticketId": "x", "content": "x", "metadata": value}),
        ("POST", "/approvals/x/decide", {"decision": "approve", "updatedInput": value}),
        ("POST", "/approvals/x/decide", {"decision": "approve", "answers": value}),
        ("POST", "/agents/register", {**agent, "env": {"A": value}}),
        ("POST", "/agents/worker/execute", {"prompt": value}),
        ("POST", "/agents/worker/execute", {"prompt": "x", "noSuchField": value}),
    ]


@pytest.mark.parametrize("depth", [66, 100, 400, 900])
def test_what_is_too_deep_is_refused(live: Service, depth: int) -> None:
    with live.client() as client:
        for method, path, body in bodies(nested(depth)):
            answer = client.request(method, path, json=body)
            assert answer.json()["code"] in ("json_too_deep", "invalid_json"), (path, answer.text)
            assert answer.status_code in (400, 422)


def test_as_deep_as_may_be_is_taken_and_told_again(live: Service) -> None:
    deepest = nested(DEEPEST)
    with live.client() as client:
        run = client.post("/agents/worker/execute", json={"prompt": "x", "metadata": deepest})
        assert run.json()["metadata"]["d"] == deepest["d"]
        body = {"mcpServers": {"s": nested(DEEPEST - 1)}}
        assert client.patch("/agents/worker", json=body).status_code == 200
        body = {"mcpServers": {"s": nested(DEEPEST)}}
        assert client.patch("/agents/worker", json=body).json()["code"] == "json_too_deep"
        assert client.get("/agents").status_code == 200
        client.patch("/agents/worker", json={"mcpServers": None})


def test_what_is_too_large_is_refused(live: Service) -> None:
    large: dict[str, Any]
    for large in ({"x": "y" * LIMIT}, {str(number): [] for number in range(LIMIT)}):
        with live.client() as client:
            for method, path, body in bodies(large):
                answer = client.request(method, path, json=body)
                assert (answer.status_code, answer.json()["code"]) == (413, "json_too_large")


@pytest.mark.parametrize(
    "text",
    [
        '{"a": ' * 963 + "1" + "}" * 963,
        '{"a": ' * 20_000 + "1" + "}" * 20_000,
        "[" * 963 + "]" * 963,
        "{",
        '{"a": "\\ud800"}',
        '{"a": NaN}',
    ],
)
def test_a_row_of_an_earlier_version_spoils_nothing(
    make_service: Callable[..., Service], text: str
) -> None:
    """Every list is given, the row with it; it can be read and deleted, also after a restart."""
    service = make_service()
    service.register("good")
    service.register("bad", mcpServers={"s": {}})
    runs = {name: service.run("hello", name).json() for name in ("good", "bad")}
    with service.client() as client:
        ticket = client.post("/agents/bad/send", json={"content": "x"}).json()["ticketId"]
        answered = client.post("/agents/good/send", json={"content": "x"}).json()["ticketId"]
        client.post("/replies", json={"ticketId": answered, "content": "y"})
    service.stop()
    options = json.dumps({"cwd": str(service.cwd), "mcpServers": "HERE"}).replace('"HERE"', text)
    with sqlite3.connect(service.state_dir / "agent-runner.db") as database:
        database.execute("UPDATE agents SET options = ? WHERE agent_id = 'bad'", (options,))
        database.execute("UPDATE turns SET metadata = ?", (text,))
        database.execute("UPDATE runs SET metadata = ?, usage = ?", (text, text))
        database.execute("UPDATE tickets SET metadata = ?", (text,))
        database.execute(
            "UPDATE tickets SET reply_metadata = ? WHERE reply_metadata IS NOT NULL", (text,)
        )
    database.close()
    service.start()
    ids = {
        "{agentId}": "bad",
        "{conversationId}": runs["bad"]["conversationId"],
        "{runId}": runs["bad"]["runId"],
        "{turnId}": runs["bad"]["turnId"],
        "{ticketId}": answered,
    }
    with service.client() as client:
        for endpoint in ENDPOINTS:
            path = endpoint.path
            for name, value in ids.items():
                path = path.replace(name, value)
            if endpoint.method == "GET" and "{" not in path and endpoint.stream is None:
                answer = client.get(path)
                assert answer.status_code not in (500, 503), (path, answer.text)
        found = {one["agentId"]: one for one in client.get("/agents").json()["agents"]}
        assert found["good"]["error"] is None
        assert found["bad"]["error"]
        assert client.get("/ready").status_code == 200
        refused = client.post("/agents/bad/execute", json={"prompt": "x"})
        assert (refused.status_code, refused.json()["code"]) == (409, "agent_unreadable")
        assert client.patch("/agents/bad", json={"model": "x"}).status_code == 409
        pending = client.get("/agents/bad/tickets/pending").json()["tickets"]
        assert [one["ticketId"] for one in pending] == [ticket]
        assert service.run("again", "good").json()["success"]
        assert client.delete(f"/conversations/{runs['bad']['conversationId']}").status_code == 204
        assert client.delete("/agents/bad").status_code == 204
    service.restart()
    with service.client() as client:
        assert client.get("/agents/bad").status_code == 404
        assert client.get("/ready").status_code == 200


def test_an_option_that_is_too_deep_is_mended_by_a_patch(
    make_service: Callable[..., Service],
) -> None:
    service = make_service()
    service.register()
    service.stop()
    deep = '{"a": ' * 963 + "1" + "}" * 963
    options = json.dumps({"cwd": str(service.cwd), "mcpServers": "HERE"}).replace('"HERE"', deep)
    with sqlite3.connect(service.state_dir / "agent-runner.db") as database:
        database.execute("UPDATE agents SET options = ?", (options,))
    database.close()
    service.start()
    with service.client() as client:
        told = client.get("/agents/worker").json()
        assert told["options"]["cwd"] == str(service.cwd)
        assert told["error"].startswith("mcpServers is nested")
        mended = client.patch("/agents/worker", json={"mcpServers": None})
        assert (mended.status_code, mended.json()["error"]) == (200, None)
    assert service.run("hello").json()["success"]
