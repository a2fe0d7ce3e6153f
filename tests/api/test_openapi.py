"""/openapi.json says what the routes are, and the routes answer as it says."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from starlette.routing import Route

from agent_runner.api import openapi
from agent_runner.api.application import ENDPOINTS, build
from agent_runner.events.registry import events_of
from agent_runner.settings import Settings
from agent_runner.streams.native import Native
from tests.conftest import ModuleService, Service, Serving
from tests.helpers.frames import data_of


@pytest.fixture(scope="module")
def live(module_service: ModuleService) -> Service:
    service = module_service(shadow={"primary": "headless", "against": "self"})
    service.register()
    return service


@pytest.fixture(scope="module")
def document(live: Service) -> dict[str, Any]:
    with live.client() as client:
        found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def test_it_is_valid(document: dict[str, Any]) -> None:
    validate(document)


@pytest.mark.anyio
async def test_it_names_just_the_routes_that_are_served(
    document: dict[str, Any], serving: Serving
) -> None:
    said = {(path, method.upper()) for path, ops in document["paths"].items() for method in ops}
    async with serving() as context:
        every = build(context, None).routes
    # The page's files are no part of the API.
    routes = [route for route in every if isinstance(route, Route) and route.include_in_schema]
    served = {
        (route.path, method) for route in routes for method in (route.methods or set()) - {"HEAD"}
    }
    assert said == served
    assert len(routes) == len({endpoint.path for endpoint in ENDPOINTS})


def test_every_operation_explains_itself(document: dict[str, Any]) -> None:
    ids = []
    for path, operations in document["paths"].items():
        for operation in operations.values():
            ids.append(operation["operationId"])
            assert operation["summary"]
            assert {"401", "403"} <= set(operation["responses"])
            named = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}
            for parameter in operation["parameters"]:
                assert parameter["in"] == "path" or parameter["description"]
    assert len(ids) == len(set(ids))


def check(document: dict[str, Any], method: str, path: str, status: int, answer: Any) -> None:
    """`answer` against the schema declared for it."""
    declared = document["paths"][path][method.lower()]["responses"]
    assert str(status) in declared, f"{method} {path} does not declare {status}"
    (kind,) = [k for k in declared[str(status)]["content"] if k.endswith("json")]
    schema = declared[str(status)]["content"][kind]["schema"]
    Draft202012Validator({**schema, "components": document["components"]}).validate(answer)


def test_real_answers_are_what_is_declared(document: dict[str, Any], live: Service) -> None:
    done: set[tuple[str, str]] = set()

    def call(method: str, path: str, expected: int, body: Any = None, **ids: str) -> Any:
        with live.client() as client:
            answer = client.request(method, path.format(**ids), json=body)
        assert answer.status_code == expected, answer.text
        done.add((method, path))
        if expected != 204:
            check(document, method, path, expected, answer.json())
            return answer.json()
        assert answer.content == b""
        return None

    call("GET", "/health", 200)
    call("GET", "/ready", 200)
    call("GET", "/api/integrity/check", 200)
    agent = {"agentId": "shape", "type": "claude-code", "cwd": str(live.cwd)}
    call("POST", "/agents/register", 201, agent)
    call("POST", "/agents/register", 409, {**agent, "model": "other"})
    call("POST", "/agents/register", 422, {"agentId": "shape"})
    call("GET", "/agents", 200)
    a = {"agentId": "shape"}
    call("GET", "/agents/{agentId}", 200, **a)
    odd = json.dumps([{"unless": ".mirrored", "do": [{"touch": ".mirrored"}]}, {"error": "no"}])
    call("POST", "/agents/{agentId}/execute", 200, {"prompt": odd, "mode": "shadow"}, **a)
    while not (found := call("GET", "/api/shadow-mode/failures", 200)["comparisons"]):
        time.sleep(0.05)
    one = {"comparisonId": found[0]["comparisonId"]}
    call("GET", "/api/shadow-mode/comparisons/{comparisonId}", 200, **one)
    call("GET", "/api/shadow-mode/comparisons/{comparisonId}", 404, comparisonId="cmp_none")
    for name in ("metrics", "criteria", "report", "mismatches"):
        call("GET", f"/api/shadow-mode/{name}", 200)
    call("GET", "/agents/{agentId}", 404, agentId="nobody")
    call("PATCH", "/agents/{agentId}", 200, {"model": "m"}, **a)
    call("GET", "/agents/{agentId}/conversation", 200, **a)
    call("POST", "/agents/{agentId}/execute/cancel", 409, {}, **a)
    good = call("POST", "/agents/{agentId}/execute", 200, {"prompt": "hello"}, **a)
    bad = json.dumps([{"error": "no", "status": 500}])
    failed = call("POST", "/agents/{agentId}/execute", 200, {"prompt": bad}, **a)
    assert (good["success"], failed["success"]) == (True, False)
    with live.client(Accept="text/event-stream") as client:
        hang = {"prompt": json.dumps([{"hang": True}])}
        with client.stream("POST", "/agents/shape/execute", json=hang) as response:
            held = response.iter_raw()
            assert data_of(next(held))["type"] == "run.queued"
            while b"session.started" not in next(held):
                pass
            call("POST", "/agents/{agentId}/heartbeat", 200, {}, **a)
            call("GET", "/agents/sessions/status", 200)
            call("GET", "/agents/{agentId}/terminal", 409, **a)
            call("GET", "/agents/processes/status", 200)
            call("POST", "/agents/{agentId}/execute/cancel", 202, {}, **a)
            for _ in held:
                pass
    with live.client(Accept="text/event-stream") as client:
        ask = {"prompt": json.dumps([{"ask": "Execute", "input": {"command": "ls"}}])}
        with client.stream("POST", "/agents/shape/execute", json=ask) as response:
            held = response.iter_raw()
            while b"event: approval.requested\n" not in next(held):
                pass
            (approval,) = call("GET", "/approvals", 200)["approvals"]
            i = {"approvalId": approval["approvalId"]}
            call("GET", "/approvals/{approvalId}", 200, **i)
            call("POST", "/approvals/{approvalId}/extend", 200, {}, **i)
            call("POST", "/approvals/{approvalId}/decide", 422, {"decision": "approve"}, **i)
            yes = {"decision": "approve", "inputHash": approval["inputHash"]}
            call("POST", "/approvals/{approvalId}/decide", 200, yes, **i)
            call("POST", "/approvals/{approvalId}/decide", 409, {"decision": "reject"}, **i)
            call("POST", "/approvals/{approvalId}/extend", 410, {}, **i)
            for _ in held:
                pass
    call("GET", "/approvals/{approvalId}", 404, approvalId="appr_none")
    for run in (good, failed):
        call("GET", "/runs/{runId}", 200, runId=run["runId"])
    call("GET", "/agents/{agentId}/logs", 200, **a)
    cli = {"type": "claude-code"}
    for what, fields in (
        ("cli/disable", cli),
        ("cli/enable", cli),
        ("agent/force", {**a, "expiresMs": 60_000}),
    ):
        call("POST", f"/api/fallback/{what}", 200, fields)
    call("GET", "/api/fallback/status", 200)
    call("POST", "/api/fallback/agent/clear", 200, a)
    call("POST", "/api/fallback/agent/clear", 404, a)
    call("POST", "/api/fallback/clear-all", 200, {})
    call("GET", "/api/fallback/audit", 200)
    ticket = call("POST", "/agents/{agentId}/send", 202, {"content": "hello"}, **a)
    call("GET", "/agents/{agentId}/tickets/pending", 200, **a)
    t = {"ticketId": ticket["ticketId"]}
    call("POST", "/replies", 200, {**t, "content": "hello back"})
    call("POST", "/replies", 409, {**t, "content": "another"})
    call("GET", "/replies/{ticketId}", 200, **t)
    call("GET", "/replies/{ticketId}/wait", 200, **t)
    call("GET", "/agents/circuits/status", 200)
    call("POST", "/agents/{agentId}/circuit/reset", 200, {}, **a)
    call("GET", "/agents/sessions/status", 200)
    page = call("GET", "/agents/{agentId}/conversation", 200, **a)
    assert page["turns"]
    turn = page["turns"][0]["turnId"]
    call("GET", "/agents/{agentId}/conversation/turns/{turnId}", 200, **a, turnId=turn)
    call("GET", "/agents/{agentId}/conversations", 200, **a)
    c = {"conversationId": good["conversationId"]}
    call("GET", "/conversations/{conversationId}", 200, **c)
    call("PATCH", "/conversations/{conversationId}", 200, {"title": "Mine"}, **c)
    call("POST", "/conversations/{conversationId}/fork", 201, {}, **c)
    call("POST", "/conversations/{conversationId}/fork", 404, {"turnId": "none"}, **c)
    call("GET", "/conversations", 200)
    call("GET", "/search", 422)
    with live.client() as client:
        assert client.get("/search", params={"q": "hello"}).json()["hits"]
    done.add(("GET", "/search"))
    call("GET", "/usage", 200)
    call("GET", "/agents/{agentId}/changes", 200, **a)
    call("GET", "/agents/{agentId}/files", 200, **a)
    call("GET", "/agents/{agentId}/queue", 200, **a)
    call("PUT", "/agents/{agentId}/queue", 200, {"runIds": []}, **a)
    call("PUT", "/agents/{agentId}/queue", 409, {"runIds": ["run_none"]}, **a)
    call("PATCH", "/runs/{runId}", 409, {"prompt": "other"}, runId=good["runId"])
    done.add(("PATCH", "/runs/{runId}"))
    call("POST", "/agents/{agentId}/start", 200, {}, **a)
    call("POST", "/agents/{agentId}/restart", 200, {}, **a)
    call("POST", "/agents/{agentId}/stop", 200, {}, **a)
    call("GET", "/attachments/{attachmentId}", 404, attachmentId="att_none")
    with live.client() as client:
        kept = client.post("/attachments", content=b"words").json()
    check(document, "POST", "/attachments", 201, kept)
    done.add(("POST", "/attachments"))
    call("GET", "/attachments/{attachmentId}", 200, attachmentId=kept["attachmentId"])
    call("POST", "/session", 401, {"token": "wrong"})
    call("POST", "/session", 201, {"token": live.token})
    call("GET", "/session", 404)
    call("POST", "/agents/{agentId}/conversations", 201, {"title": "Another"}, **a)
    call("POST", "/agents/{agentId}/end-session", 200, {}, **a)
    call("DELETE", "/conversations/{conversationId}", 204, **c)
    call("GET", "/conversations/{conversationId}", 404, **c)
    call("DELETE", "/agents/{agentId}", 204, **a)
    for name in ("check", "cleanup", "vacuum", "backup"):
        call("POST", f"/api/integrity/{name}", 200, {})
        call("POST", f"/api/integrity/{name}", 422, {"unknown": 1})
    call("GET", "/api/integrity/check", 200)
    call("GET", "/api/integrity/stats", 200)
    call("GET", "/api/health/environment", 200)
    json_routes = {(e.method, e.path) for e in ENDPOINTS if e.reply is not None}
    assert json_routes <= done, "a route without a real answer here"


def event_schema(document: dict[str, Any], name: str) -> Draft202012Validator:
    reference = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return Draft202012Validator(reference)


def test_what_streams_carry_is_what_is_declared(document: dict[str, Any], live: Service) -> None:
    body = {"prompt": json.dumps([{"text": "one"}, {"unknown": True}, {"text": "two"}])}
    with live.client(Accept="text/event-stream") as client:
        told = client.post("/agents/worker/execute", json=body)
    events = [data_of(block) for block in told.content.split(b"\n\n") if b"data: " in block]
    assert {event["type"] for event in events} >= {"run.queued", "message.delta", "run.finished"}
    schema = event_schema(document, "ConversationEvent")
    for event in events:
        schema.validate(event)
        assert not schema.is_valid({**event, "type": "of.no.kind"})
        assert not schema.is_valid({**event, "runId": 7})


def test_every_event_is_declared(document: dict[str, Any]) -> None:
    mapping = document["components"]["schemas"]["ConversationEvent"]["discriminator"]["mapping"]
    assert {name: ref.rpartition("/")[2] for name, ref in mapping.items()} == {
        name: cls.__name__ for name, cls in events_of("conversation").items()
    }
    streams = [
        content["x-itemSchema"]["$ref"].rpartition("/")[2]
        for operations in document["paths"].values()
        for operation in operations.values()
        for kind, content in operation["responses"].get("200", {}).get("content", {}).items()
        if kind == "text/event-stream"
    ]
    logs = ["ApprovalLogEvent", "ConversationEvent", "FallbackLogEvent"]
    assert sorted(set(streams)) == [*logs, "PageEvent"]


def test_a_stream_has_the_media_types_of_its_dialects(monkeypatch: pytest.MonkeyPatch) -> None:
    other = type("Other", (), {"media_type": "text/x-other"})
    monkeypatch.setattr(openapi, "DIALECTS", {"native": Native, "other": other})
    paths = openapi.openapi(ENDPOINTS, "0", Settings())["paths"]
    for path, spoken in (
        ("/runs/{runId}/events", {"text/event-stream", "text/x-other"}),
        ("/approvals/events", {"text/event-stream"}),
    ):
        assert set(paths[path]["get"]["responses"]["200"]["content"]) == spoken
