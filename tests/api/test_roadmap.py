"""The client that the roadmap was written for, as it is: what it sends, and what it reads."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Service

METADATA = {
    "role": "reviewer",
    "commMode": "headless",
    "model": "the-model",
    "systemPrompt": "be brief",
    "team": {"lead": "ann", "size": 3},
}


def register(service: Service, **more: Any) -> dict[str, Any]:
    metadata = {**METADATA, "cwd": str(service.cwd), **more.pop("metadata", {})}
    body = {"agentId": "roadmap", "type": "claude-code", "metadata": metadata, **more}
    with service.client() as client:
        answer = client.post("/agents/register", json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_it_registers_with_what_its_metadata_names(empty: Service) -> None:
    agent = register(empty, heartbeatIntervalMs=45_000)
    assert agent["metadata"] == {**METADATA, "cwd": str(empty.cwd)}
    assert (agent["commMode"], agent["heartbeatIntervalMs"]) == ("headless", 45_000)
    options = agent["options"]
    assert (options["cwd"], options["model"]) == (str(empty.cwd), "the-model")
    assert options["systemPrompt"] == "be brief"
    assert options["timeouts"] == {"heartbeatIntervalMs": 45_000}
    with empty.client() as client:
        assert client.get("/agents/roadmap").json() == agent
        again = {"agentId": "roadmap", "type": "claude-code", "metadata": agent["metadata"]}
        answer = client.post("/agents/register", json={**again, "heartbeatIntervalMs": 45_000})
        assert answer.status_code == 200, "the same again is no conflict"
        answer = client.post("/agents/register", json=again)
        assert (answer.status_code, answer.json()["code"]) == (409, "agent_exists")


def test_the_request_itself_goes_before_its_metadata(empty: Service) -> None:
    agent = register(empty, model="another")
    assert agent["options"]["model"] == "another"
    assert agent["metadata"]["model"] == "the-model"


def test_what_its_metadata_names_is_checked(empty: Service) -> None:
    body = {"agentId": "bad", "type": "claude-code", "metadata": {"commMode": "pigeon"}}
    with empty.client() as client:
        answer = client.post("/agents/register", json=body)
    assert answer.status_code == 422


def test_execute_answers_what_it_reads(empty: Service) -> None:
    register(empty)
    body = {"prompt": "hello", "metadata": {"ticket": 7}}
    with empty.client() as client:
        answer = client.post("/agents/roadmap/execute", json=body).json()
    assert answer["content"] == "echo: hello"
    assert answer["success"] is True
    assert answer["durationMs"] >= 0
    assert answer["conversationId"].startswith("conv_")
    assert answer["sessionId"]
    assert answer["metadata"]["ticket"] == 7


@pytest.mark.parametrize("what", ["disable", "enable"])
def test_fallback_takes_its_bodies(empty: Service, what: str) -> None:
    with empty.client() as client:
        body = {"cliType": "gemini", "reason": "the roadmap's client"}
        if what == "enable":
            client.post("/api/fallback/cli/disable", json=body)
        answer = client.post(f"/api/fallback/cli/{what}", json=body)
        assert answer.status_code == 200, answer.text
        client.post("/api/fallback/clear-all", json={})
