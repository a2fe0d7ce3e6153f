"""Every route, every way of coming in uninvited: each is refused, and said so as a problem."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest

from agent_runner.api.application import ENDPOINTS
from agent_runner.api.routes import Endpoint
from agent_runner.api.security import host_name
from agent_runner.app.server import check_exposure
from agent_runner.errors import BadRequestError
from agent_runner.settings import ServerSettings
from tests.conftest import ModuleService, Service

ROUTES = [pytest.param(e, id=f"{e.method} {e.path}") for e in ENDPOINTS]
WRITES = [pytest.param(e, id=f"{e.method} {e.path}") for e in ENDPOINTS if e.body is not None]
LIMIT = 2048


@pytest.fixture(scope="module")
def gate(module_service: ModuleService) -> Service:
    return module_service(body_bytes=LIMIT)


def path_of(endpoint: Endpoint) -> str:
    ids = {"{agentId}": "worker", "{turnId}": "t", "{conversationId}": "c", "{runId}": "r"}
    path = endpoint.path
    for name, value in ids.items():
        path = path.replace(name, value)
    return path


def send(
    service: Service,
    endpoint: Endpoint,
    headers: dict[str, str | None] | None = None,
    body: bytes | None = None,
) -> tuple[int, dict[str, Any], dict[str, str]]:
    """A request with the headers of a good one but for those given; None leaves one out."""
    host = service.url.removeprefix("http://")
    given: dict[str, str | None] = {
        "Host": host,
        "Authorization": f"Bearer {service.token}",
        **({"Content-Type": "application/json"} if endpoint.body is not None else {}),
        **(headers or {}),
    }
    if endpoint.body is not None and body is None:
        body = b"{}"
    connection = http.client.HTTPConnection(host, timeout=20)
    try:
        connection.putrequest(
            endpoint.method, path_of(endpoint), skip_host=True, skip_accept_encoding=True
        )
        for name, value in given.items():
            if value is not None:
                connection.putheader(name, value)
        if body is not None and "Transfer-Encoding" not in given:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        kind = response.headers["Content-Type"]
        assert kind == "application/problem+json", (response.status, kind)
        document = json.loads(response.read())
        return response.status, document, {k.lower(): v for k, v in response.getheaders()}
    finally:
        connection.close()


def refused(
    service: Service,
    endpoint: Endpoint,
    status: int,
    code: str,
    headers: dict[str, str | None] | None = None,
    body: bytes | None = None,
) -> dict[str, str]:
    got, document, answer = send(service, endpoint, headers, body)
    assert (got, document["code"]) == (status, code)
    assert document["status"] == status
    assert document["error"]
    assert service.token not in json.dumps(document)
    return answer


@pytest.mark.parametrize("endpoint", ROUTES)
def test_without_the_token(gate: Service, endpoint: Endpoint) -> None:
    wrong = [
        None,
        "",
        "Bearer",
        "Bearer wrong",
        f"Basic {gate.token}",
        gate.token,
        f"Bearer {gate.token}x",
        f"Bearer {gate.token[:-1]}",
        f"Bearer {gate.token} {gate.token}",
    ]
    for value in wrong:
        answer = refused(gate, endpoint, 401, "unauthorized", {"Authorization": value})
        assert answer["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("endpoint", ROUTES)
def test_without_a_host(gate: Service, endpoint: Endpoint) -> None:
    refused(gate, endpoint, 400, "missing_host", {"Host": None})


@pytest.mark.parametrize("endpoint", ROUTES)
def test_with_a_foreign_host(gate: Service, endpoint: Endpoint) -> None:
    for host in (
        "evil.com",
        "127.0.0.1.evil.com",
        "localhost.evil.com",
        "evil-localhost",
        "evil.com:8420",
        "127.0.0.1.evil.com:8420",
        "evil.com#127.0.0.1",
        "evil.com@127.0.0.1",
        "127.0.0.1@evil.com",
        "127.0.0.1:80@evil.com",
        "127.0.0.1:8420.evil.com",
        "[::1].evil.com",
        "[::1]evil.com:80",
        "[::1",
        "127.0.0.2",
        "0.0.0.0",
        "2130706433",
        "::1",
    ):
        refused(gate, endpoint, 403, "host_not_allowed", {"Host": host})


@pytest.mark.parametrize("endpoint", ROUTES)
def test_with_a_foreign_origin(gate: Service, endpoint: Endpoint) -> None:
    for origin in (
        "http://evil.com",
        "null",
        f"{gate.url}.evil.com",
        f"{gate.url}/",
        gate.url.replace("http:", "https:"),
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        "http://localhost.evil.com",
        "file://",
        "",
    ):
        refused(gate, endpoint, 403, "origin_not_allowed", {"Origin": origin})
    for site in ("cross-site", "same-site", "nonsense"):
        refused(gate, endpoint, 403, "origin_not_allowed", {"Sec-Fetch-Site": site})


@pytest.mark.parametrize("endpoint", WRITES)
def test_with_a_body_that_a_form_could_send(gate: Service, endpoint: Endpoint) -> None:
    for kind in (
        None,
        "",
        "text/plain",
        "text/plain;charset=application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application",
    ):
        refused(gate, endpoint, 415, "unsupported_media_type", {"Content-Type": kind})


@pytest.mark.parametrize("endpoint", WRITES)
def test_with_a_body_over_the_limit(gate: Service, endpoint: Endpoint) -> None:
    body = json.dumps({"x": "y" * LIMIT}).encode()
    refused(gate, endpoint, 413, "body_too_large", body=body)
    chunks = b"".join(b"100\r\n%s\r\n" % (b"y" * 256) for _ in range(20)) + b"0\r\n\r\n"
    refused(gate, endpoint, 413, "body_too_large", {"Transfer-Encoding": "chunked"}, chunks)


@pytest.mark.parametrize("endpoint", WRITES)
def test_with_a_body_that_is_no_json(gate: Service, endpoint: Endpoint) -> None:
    for body in (b"{", b"nonsense", b"\xff\xfe", b'{"a": "\\ud800"}', b"[" * 2000, b"\0", b"{}{}"):
        refused(gate, endpoint, 400, "invalid_json", body=body)
    for body in (b"[]", b"1", b"null", b'"x"', b'{"noSuchField": 1}'):
        refused(gate, endpoint, 422, "invalid_body", body=body)


def test_what_is_not_there(gate: Service) -> None:
    with gate.client() as client:
        for method, path, status, code in (
            ("GET", "/nothing", 404, "route_not_found"),
            ("GET", "/agents/worker/nothing", 404, "route_not_found"),
            ("DELETE", "/agents", 405, "method_not_allowed"),
            ("PUT", "/health", 405, "method_not_allowed"),
        ):
            answer = client.request(method, path)
            assert answer.headers["content-type"] == "application/problem+json"
            assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_own_names_and_own_origin_are_welcome(gate: Service) -> None:
    port = gate.url.rpartition(":")[2]
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST:{port}", f"[::1]:{port}"):
        with gate.client(Host=host, Origin=f"http://{host}") as client:
            assert client.get("/health").status_code == 200
    with gate.client(**{"Sec-Fetch-Site": "same-origin"}) as client:
        assert client.get("/health").status_code == 200


def test_no_answer_lets_other_origins_read(gate: Service) -> None:
    with gate.client(Origin=gate.url) as client:
        headers = client.get("/agents").headers
        preflight = client.options("/agents", headers={"Access-Control-Request-Method": "POST"})
    assert not any(name.startswith("access-control-") for name in headers)
    assert preflight.status_code == 405
    assert not any(name.startswith("access-control-") for name in preflight.headers)
    assert "server" not in headers


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("localhost", "localhost"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("[::1]:80", "::1"),
        ("[::1]", "::1"),
        ("[::1]x", ""),
        ("localhost:80x", ""),
        ("localhost:", ""),
    ],
)
def test_host_names(header: str, name: str) -> None:
    assert host_name(header) == name


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
@pytest.mark.parametrize("auth", ["none", "token"])
def test_loopback_may_go_without_a_token(host: str, auth: Any) -> None:
    check_exposure(ServerSettings(host=host, auth=auth))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.com", "localhost.x"])
def test_elsewhere_needs_a_token_and_a_word(host: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        check_exposure(ServerSettings(host=host, auth="none", allow_remote=True))
    assert caught.value.code == "auth_required_off_loopback"
    with pytest.raises(BadRequestError) as caught:
        check_exposure(ServerSettings(host=host))
    assert caught.value.code == "remote_not_allowed"
    check_exposure(ServerSettings(host=host, allow_remote=True))


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_of_the_token_has_no_case(gate: Service, scheme: str) -> None:
    host = gate.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=20)
    connection.request("GET", "/health", headers={"Authorization": f"{scheme} {gate.token}"})
    assert connection.getresponse().status == 200
    connection.close()
