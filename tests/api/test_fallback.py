"""Toggles over HTTP: they count for the next run, are streamed, audited, and outlive a kill."""

from __future__ import annotations

import signal
import threading
from typing import Any

import httpx
import pytest

from tests.conftest import ModuleService, Service
from tests.helpers.frames import blocks, data_of, seq_of
from tests.helpers.trial import wait_until


@pytest.fixture(scope="module")
def live(module_service: ModuleService) -> Service:
    service = module_service(tmux={})
    service.register("one")
    service.register("two")
    return service


def post(service: Service, what: str, **body: Any) -> httpx.Response:
    with service.client() as client:
        return client.post(f"/api/fallback/{what}", json=body)


def status(service: Service) -> dict[str, Any]:
    with service.client() as client:
        found: dict[str, Any] = client.get("/api/fallback/status").json()
    return found


def ways(service: Service) -> dict[str, tuple[str, str]]:
    return {a["agentId"]: (a["mode"], a["source"]) for a in status(service)["agents"]}


def audit(service: Service, **query: Any) -> list[dict[str, Any]]:
    with service.client() as client:
        entries: list[dict[str, Any]] = client.get("/api/fallback/audit", params=query).json()[
            "entries"
        ]
    return entries


def test_a_toggle_counts_at_once_and_is_taken_back(live: Service) -> None:
    assert ways(live)["one"] == ("headless", "comm_mode")
    set_ = post(live, "cli/disable", type="claude-code", reason="parse errors", by="olivia")
    assert set_.status_code == 200
    assert (set_.json()["mode"], set_.json()["setBy"]) == ("tmux", "olivia")
    assert ways(live)["one"] == ("tmux", "type_toggle")
    post(live, "agent/force", agentId="one", mode="headless")
    assert ways(live) == {**ways(live), "one": ("headless", "agent_toggle")}
    assert ways(live)["two"] == ("tmux", "type_toggle")
    assert live.run("hi", "one").json()["route"]["source"] == "agent_toggle"
    cleared = post(live, "clear-all", reason="well again").json()["cleared"]
    assert {(t["scope"], t["name"]) for t in cleared} == {
        ("type", "claude-code"),
        ("agent", "one"),
    }
    assert ways(live)["two"] == ("headless", "comm_mode")


def test_the_audit_says_who_when_why_and_from_where(live: Service) -> None:
    post(live, "cli/disable", type="gemini", reason="an update", by="olivia", via="cli")
    post(live, "cli/enable", type="gemini", reason="mended", by="peter")
    newest, before = audit(live, scope="type", name="gemini", limit=2)
    assert (newest["type"], newest["by"], newest["reason"]) == ("toggle.cleared", "peter", "mended")
    assert (before["type"], before["by"], before["via"]) == ("toggle.set", "olivia", "cli")
    assert before["toggle"]["reason"] == "an update"
    assert before["time"] <= newest["time"]
    assert audit(live, before=before["seq"], scope="type", name="gemini") == []


@pytest.mark.parametrize(
    ("what", "body", "status_code", "code"),
    [
        ("cli/disable", {"type": "emacs"}, 422, "unknown_agent_type"),
        ("cli/disable", {}, 422, "invalid_body"),
        ("cli/disable", {"type": "gemini", "expiresMs": 0}, 422, "invalid_body"),
        ("cli/disable", {"type": "gemini", "expiresMs": 10**12}, 422, "invalid_body"),
        ("cli/disable", {"type": "gemini", "why": "x"}, 422, "invalid_body"),
        ("cli/enable", {"type": "factory-droid"}, 404, "no_toggle"),
        ("agent/force", {"agentId": "nobody"}, 404, "agent_not_found"),
        ("agent/force", {"agentId": "one", "mode": "shadow"}, 422, "invalid_body"),
        ("agent/clear", {"agentId": "two"}, 404, "no_toggle"),
    ],
)
def test_what_cannot_be_done_says_so(
    live: Service, what: str, body: dict[str, Any], status_code: int, code: str
) -> None:
    refused = post(live, what, **body)
    assert (refused.status_code, refused.json()["code"]) == (status_code, code)


def test_changes_are_streamed_and_replayed(live: Service) -> None:
    last = status(live)["lastEventSeq"]
    heard: list[dict[str, Any]] = []

    def listen() -> None:
        with live.client() as client:
            where = "/api/fallback/events"
            with client.stream("GET", where, params={"after": last}) as stream:
                for block in blocks(stream):
                    if seq_of(block) is not None:
                        heard.append(data_of(block))
                    if len(heard) == 2:
                        return

    listener = threading.Thread(target=listen)
    listener.start()
    post(live, "cli/disable", type="*", reason="everything", expiresMs=60_000)
    wait_until(lambda: len(heard) == 1)
    post(live, "cli/enable", type="*")
    listener.join(10)
    assert [t["type"] for t in heard] == ["toggle.set", "toggle.cleared"]
    assert (heard[0]["scope"], heard[0]["name"]) == ("global", "*")
    assert heard[0]["toggle"]["expiresAt"] > heard[0]["time"]
    with live.client() as client:
        ahead = client.get("/api/fallback/events", params={"after": 10**6})
    assert ahead.json()["code"] == "cursor_ahead"


def test_a_toggle_outlives_a_kill(live: Service) -> None:
    post(live, "cli/disable", type="claude-code", reason="it hangs")
    live.stop(signal.SIGKILL)
    live.start()
    assert ways(live)["one"] == ("tmux", "type_toggle")
    assert audit(live, limit=1)[0]["reason"] == "it hangs"
    post(live, "clear-all")


def test_a_toggle_ends_by_itself(live: Service) -> None:
    post(live, "agent/force", agentId="two", expiresMs=300)
    wait_until(lambda: ways(live)["two"] == ("headless", "comm_mode"))
    wait_until(lambda: audit(live, limit=1)[0]["type"] == "toggle.expired")


def test_a_request_says_its_own_way(live: Service) -> None:
    route = live.run("hi", "one", mode="headless").json()["route"]
    assert (route["source"], route["requested"]) == ("request", "headless")
    with live.client() as client:
        wrong = client.post("/agents/one/execute", json={"prompt": "x", "mode": "telepathy"})
    assert wrong.json()["code"] == "invalid_body"
