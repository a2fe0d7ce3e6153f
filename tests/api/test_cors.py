"""A page of an allowed origin can use the service; no other page learns anything."""

from __future__ import annotations

import httpx
import pytest

from agent_runner.api.application import ENDPOINTS
from tests.conftest import ModuleService, Service

CHAT = "https://chat.example:3000"
LOCAL = "http://localhost:5173"
OTHERS = [
    "https://chat.example",
    "https://chat.example:3001",
    "http://chat.example:3000",
    "https://evil.chat.example:3000",
    "https://chat.example:3000.evil.com",
    "https://chat.example:3000/",
    "null",
    "*",
    "",
]


@pytest.fixture(scope="module")
def live(module_service: ModuleService) -> Service:
    service = module_service(server={"allowed_origins": [CHAT, LOCAL]})
    service.register()
    return service


def preflight(
    service: Service, origin: str, path: str = "/agents/worker/execute", method: str = "POST"
) -> httpx.Response:
    """What a browser sends before the request itself; it never has the token."""
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
        "Access-Control-Request-Private-Network": "true",
        "Sec-Fetch-Mode": "cors",
        "Sec-Fetch-Site": "cross-site",
    }
    return httpx.options(f"{service.url}{path}", headers=headers)


@pytest.mark.parametrize("origin", [CHAT, LOCAL])
def test_a_preflight_is_answered_without_the_token(live: Service, origin: str) -> None:
    for endpoint in ENDPOINTS:
        answer = preflight(live, origin, endpoint.path, endpoint.method)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["access-control-allow-private-network"] == "true"
        assert endpoint.method in answer.headers["access-control-allow-methods"]
        allowed = answer.headers["access-control-allow-headers"].lower()
        assert all(name in allowed for name in ("authorization", "content-type", "idempotency-key"))
        assert "access-control-allow-credentials" not in answer.headers
        assert "origin" in answer.headers["vary"].lower()


def test_the_request_itself_needs_the_token_and_can_be_read(live: Service) -> None:
    with live.client(Origin=CHAT, **{"Sec-Fetch-Site": "cross-site"}) as client:
        run = client.post("/agents/worker/execute", json={"prompt": "hello"})
        assert run.json()["content"] == "echo: hello"
        assert run.headers["access-control-allow-origin"] == CHAT
        for path, status in (("/agents/nobody", 404), ("/agents?x", 200)):
            answer = client.get(path)
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == CHAT
        path = f"/agents/worker/logs/{run.json()['runId']}/stdout"
        exposed = client.get(path).headers["access-control-expose-headers"]
        assert exposed.lower().split(", ") == ["retry-after", "www-authenticate", "x-log-size"]
        stream = {"Accept": "text/event-stream"}
        with client.stream(
            "POST", "/agents/worker/execute", json={"prompt": "hello"}, headers=stream
        ) as streamed:
            assert streamed.headers["access-control-allow-origin"] == CHAT
            assert b"run.finished" in streamed.read()
    with httpx.Client(base_url=live.url, headers={"Origin": CHAT}) as client:
        refused = client.get("/agents")
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
        assert refused.headers["access-control-allow-origin"] == CHAT


@pytest.mark.parametrize("origin", OTHERS)
def test_no_other_origin(live: Service, origin: str) -> None:
    asked = preflight(live, origin)
    with live.client(Origin=origin) as client:
        for answer in (asked, client.get("/agents"), client.post("/replies", json={})):
            assert answer.status_code == 403
            assert answer.json()["code"] == "origin_not_allowed"
            assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_its_own_origin_needs_no_leave(live: Service) -> None:
    with live.client(Origin=live.url) as client:
        answer = client.get("/agents")
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_a_rebound_name_gets_no_preflight(live: Service) -> None:
    headers = {"Host": "evil.com", "Origin": CHAT, "Access-Control-Request-Method": "POST"}
    answer = httpx.options(f"{live.url}/agents", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "host_not_allowed")
    assert not [name for name in answer.headers if name.startswith("access-control-")]
