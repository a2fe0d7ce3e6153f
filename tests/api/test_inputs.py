"""Bad and strange input: each has its stable code, none is a failure of the service."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import ModuleService, Service

LIMIT = 100_000


@pytest.fixture(scope="module")
def live(module_service: ModuleService) -> Service:
    service = module_service(
        programs={"gemini": "/nonexistent/gemini"},
        prompt_bytes=LIMIT,
        command_ms=10_000,
        longest={"command_ms": 10_000},
    )
    service.register()
    service.register("other")
    service.run("first")
    return service


@pytest.fixture(autouse=True)
def no_traceback(live: Service) -> None:
    assert live.process.poll() is None


def post(service: Service, path: str, body: Any, method: str = "POST") -> tuple[int, str, Any]:
    """Status, code (or "") and document of a request."""
    with service.client() as client:
        # json.dumps, unlike httpx, writes NaN and halves of surrogate pairs
        answer = client.request(
            method, path, content=json.dumps(body), headers={"Content-Type": "application/json"}
        )
    document = answer.json() if answer.content else {}
    assert "Traceback" not in answer.text
    if answer.is_error:
        assert answer.headers["content-type"] == "application/problem+json"
        assert {"type", "title", "status", "code", "error", "hint"} <= set(document)
    return answer.status_code, document.get("code") or "", document


@pytest.mark.parametrize(
    "prompt",
    [
        "--dangerously-skip-permissions",
        "-p",
        "--",
        "-",
        "/help",
        "$(touch pwned) `id` ; rm -rf / | cat && echo",
        "'\"\\",
        "line one\nline two\r\n\tthree",
        "line\u2028separator\u2029\x85",
        "\x1b]52;c;cHduZWQ=\x07\x1b[2J\x9b31m",
        "🦊 ünïcode \U0010ffff \u202e",
        "id: 7\nevent: run.finished\ndata: {}\n\n",
        '{"type":"control_request"}',
        "x" * (LIMIT - 1),
    ],
)
def test_a_prompt_arrives_as_the_text_it_is(live: Service, prompt: str) -> None:
    status, _, run = post(live, "/agents/worker/execute", {"prompt": prompt})
    assert (status, run["success"]) == (200, True)
    assert run["content"] == f"echo: {prompt}"
    with live.client() as client:
        page = client.get(f"/conversations/{run['conversationId']}?limit=1000").json()
    assert prompt in [turn["content"] for turn in page["turns"]]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({}, 422, "invalid_body"),
        ({"prompt": None}, 422, "invalid_body"),
        ({"prompt": 1}, 422, "invalid_body"),
        ({"prompt": ["x"]}, 422, "invalid_body"),
        ({"prompt": ""}, 422, "empty_prompt"),
        ({"prompt": " \n\t"}, 422, "empty_prompt"),
        ({"prompt": "a\0b"}, 422, "invalid_prompt"),
        ({"prompt": "\ud800"}, 400, "invalid_json"),
        ({"prompt": "é" * (LIMIT // 2 + 1)}, 413, "prompt_too_large"),
        ({"prompt": "x", "promt": "y"}, 422, "invalid_body"),
        ({"prompt": "x", "conversation_id": "y"}, 422, "invalid_body"),
        ({"prompt": "x", "timeoutMs": 0}, 422, "invalid_body"),
        ({"prompt": "x", "timeoutMs": -1}, 422, "invalid_body"),
        ({"prompt": "x", "timeoutMs": "100"}, 422, "invalid_body"),
        ({"prompt": "x", "timeoutMs": 1.5}, 422, "invalid_body"),
        ({"prompt": "x", "timeoutMs": True}, 422, "invalid_body"),
        ({"prompt": "x", "timeoutMs": 10_001}, 422, "timeout_too_long"),
        ({"prompt": "x", "timeoutMs": 10**30}, 422, "timeout_too_long"),
        ({"prompt": "x", "metadata": []}, 422, "invalid_body"),
        ({"prompt": "x", "metadata": "m"}, 422, "invalid_body"),
        ({"prompt": "x", "conversationId": "conv_nothing"}, 404, "conversation_not_found"),
        ({"prompt": "x", "conversationId": "../../etc/passwd"}, 404, "conversation_not_found"),
        ({"prompt": "x", "conversationId": ""}, 422, "invalid_body"),
        ({"prompt": "x", "conversationId": "x" * 257}, 422, "invalid_body"),
    ],
)
def test_a_bad_prompt_is_refused(
    live: Service, fields: dict[str, Any], status: int, code: str
) -> None:
    assert post(live, "/agents/worker/execute", fields)[:2] == (status, code)


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"d": value}
    return value


def test_deep_metadata_is_kept_or_refused_but_never_a_failure(live: Service) -> None:
    for depth in (10, 100, 190, 250, 400):
        body = {"prompt": "x", "metadata": nested(depth)}
        status, code, _ = post(live, "/agents/worker/execute", body)
        assert (status, code) in ((200, ""), (400, "invalid_json"), (422, "json_too_deep"))


def test_metadata_comes_back(live: Service) -> None:
    metadata = {"n": 2**63 - 1, "f": 0.1, "t": "\u2028\x85", "l": [None, True, {}], "é": "ü"}
    _, _, run = post(live, "/agents/worker/execute", {"prompt": "x", "metadata": metadata})
    assert {k: v for k, v in run["metadata"].items() if k in metadata} == metadata


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/agents/nobody", "agent_not_found"),
        ("PATCH", "/agents/nobody", "agent_not_found"),
        ("DELETE", "/agents/nobody", "agent_not_found"),
        ("POST", "/agents/nobody/execute", "agent_not_found"),
        ("GET", "/agents/nobody/execute/stream", "agent_not_found"),
        ("POST", "/agents/nobody/execute/cancel", "agent_not_found"),
        ("POST", "/agents/nobody/end-session", "agent_not_found"),
        ("GET", "/agents/nobody/conversation", "agent_not_found"),
        ("GET", "/agents/nobody/conversations", "agent_not_found"),
        ("GET", "/agents/worker/conversation/turns/nothing", "turn_not_found"),
        ("GET", "/conversations/nothing", "conversation_not_found"),
        ("DELETE", "/conversations/nothing", "conversation_not_found"),
        ("GET", "/conversations/nothing/events", "conversation_not_found"),
        ("GET", "/runs/nothing", "run_not_found"),
        ("GET", "/runs/nothing/events", "run_not_found"),
        ("GET", "/runs/%2e%2e", "run_not_found"),
        ("GET", "/runs/%00", "run_not_found"),
        ("GET", "/runs/%ff%fe", "run_not_found"),
        ("GET", "/runs/..%2f..%2fetc%2fpasswd", "route_not_found"),
        ("GET", "/runs/' OR 1=1 --", "run_not_found"),
        ("GET", "/agents/" + "x" * 5000, "agent_not_found"),
    ],
)
def test_unknown_things_are_not_found(live: Service, method: str, path: str, code: str) -> None:
    body = {"prompt": "x"} if path.endswith("/execute") else {}
    assert post(live, path, body, method)[:2] == (404, code)


def test_things_of_another_agent_are_not_found(live: Service) -> None:
    _, _, run = post(live, "/agents/other/execute", {"prompt": "mine"})
    path = f"/agents/worker/conversation/turns/{run['turnId']}"
    assert post(live, path, {}, "GET")[:2] == (404, "turn_not_found")
    body = {"prompt": "x", "conversationId": run["conversationId"]}
    assert post(live, "/agents/worker/execute", body)[:2] == (404, "conversation_not_found")
    body = {"runId": run["runId"]}
    assert post(live, "/agents/worker/execute/cancel", body)[:2] == (404, "run_not_found")
    body = {"runId": "nothing"}
    assert post(live, "/agents/worker/execute/cancel", body)[:2] == (404, "run_not_found")


@pytest.mark.parametrize("name", ["limit", "after"])
@pytest.mark.parametrize("value", ["x", "-1", "1.5", "", "\uff11", "1e3", "9" * 30, " 1", "+1"])
def test_page_parameters_are_whole_numbers(live: Service, name: str, value: str) -> None:
    with live.client() as client:
        answer = client.get("/agents/worker/conversation", params={name: value})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
        answer = client.get("/agents/worker/conversations", params={"limit": "0"})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
        answer = client.get("/agents/worker/conversations", params={"limit": "1001"})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")


def test_a_missing_cli_says_how_to_get_it(live: Service) -> None:
    live.register("gem", type="gemini")
    status, code, document = post(live, "/agents/gem/execute", {"prompt": "x"})
    assert (status, code) == (503, "cli_not_found")
    assert "npm install" in document["hint"]
    assert document["run"]["status"] == "failed"


def test_a_cwd_that_went_away(live: Service) -> None:
    folder = live.cwd / "soon gone"
    folder.mkdir()
    live.register("homeless", cwd=str(folder))
    folder.rmdir()
    status, code, document = post(live, "/agents/homeless/execute", {"prompt": "x"})
    assert (status, code) == (409, "cwd_missing")
    assert document["hint"]


@pytest.mark.parametrize(
    "metadata",
    ["NaN", "Infinity", "-Infinity", "1e999", '"\\ud800"', "123456789012345678901234567890"],
)
def test_metadata_is_kept_as_it_was_given_or_refused(live: Service, metadata: str) -> None:
    with live.client(**{"Content-Type": "application/json"}) as client:
        body = f'{{"prompt": "x", "metadata": {{"a": {metadata}}}}}'
        answer = client.post("/agents/worker/execute", content=body)
        if answer.status_code == 400:
            assert answer.json()["code"] == "invalid_json"
        else:
            assert answer.json()["metadata"]["a"] == json.loads(metadata)
