"""The page's files: who gets them, in which form, with which headers."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from starlette.routing import Route

from agent_runner.api import page_bundle, page_files
from agent_runner.api.application import ENDPOINTS
from agent_runner.api.page_files import HEADERS, IMMUTABLE, VIEWS, PageFiles, is_of_page
from tests.conftest import ModuleService, Service
from tests.helpers.sockets import connect

SCRIPT = b"export const answer = 42;\n" * 4000
INDEX = b"<!doctype html><script type=module src=/assets/index-abc.js></script>"
LARGE = 12 << 20
AT = ["/", "/chat", "/chat/", "/chat/agent/1", "/inbox", "/find", "/operate", "/operate/runs/x"]


def make_page(folder: Path, index: bytes = INDEX) -> Path:
    """A page as the build writes one; its `.br` is marked, as nothing here packs so."""
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_bytes(index)
    (folder / "icon.svg").write_bytes(b"<svg/>")
    (folder / "assets" / "index-abc.js").write_bytes(SCRIPT)
    (folder / "assets" / "index-abc.js.gz").write_bytes(gzip.compress(SCRIPT, mtime=0))
    (folder / "assets" / "index-abc.js.br").write_bytes(b"brotli")
    (folder / "assets" / "style-abc.css").write_bytes(b"a {}")
    (folder / "assets" / "large.js").write_bytes(b"/" * LARGE)
    (folder / "assets" / "notes.txt").write_bytes(b"not served")
    (folder / ".built-from").write_bytes(b"secret")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_page(tmp_path_factory.mktemp("bundle") / "page")


@pytest.fixture(scope="module")
def serving_page(module_service: ModuleService, folder: Path) -> Service:
    return module_service(constants={"agent_runner.api.page_bundle.FOLDER": str(folder)})


def get(service: Service, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    """A request without the token; `_` in a header's name stands for `-`."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    with httpx.Client(base_url=service.url, verify=False) as client:
        return client.request(method, path, headers={"Accept-Encoding": "identity", **given})


@pytest.mark.parametrize("path", AT)
def test_every_view_is_the_index(serving_page: Service, path: str) -> None:
    answer = get(serving_page, path)
    assert (answer.status_code, answer.content) == (200, INDEX)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


@pytest.mark.parametrize(
    ("path", "media_type", "body", "caching"),
    [
        ("/assets/index-abc.js", "text/javascript; charset=utf-8", SCRIPT, IMMUTABLE),
        ("/assets/style-abc.css", "text/css; charset=utf-8", b"a {}", IMMUTABLE),
        ("/icon.svg", "image/svg+xml", b"<svg/>", "no-cache"),
    ],
)
def test_files_are_what_they_are(
    serving_page: Service, path: str, media_type: str, body: bytes, caching: str
) -> None:
    answer = get(serving_page, path)
    assert (answer.status_code, answer.content) == (200, body)
    assert answer.headers["content-type"] == media_type
    assert answer.headers["cache-control"] == caching
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_the_policy_lets_in_nothing_from_elsewhere() -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert "*" not in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br", "br"),
        ("gzip", "gzip"),
        ("GZIP;q=0.5, br;q=0", "gzip"),
        ("*", "br"),
        ("*;q=0", None),
        ("br;q=0, *", "gzip"),
        ("zstd", None),
        ("", None),
        ("identity", None),
    ],
)
def test_packed_forms_go_to_who_takes_them(
    serving_page: Service, accepted: str, encoding: str | None
) -> None:
    answer = head_of(serving_page, "/assets/index-abc.js", accepted)
    assert answer.get("Content-Encoding") == encoding
    assert answer["Vary"] == "Accept-Encoding"
    packed = {"br": 6, "gzip": len(gzip.compress(SCRIPT, mtime=0)), None: len(SCRIPT)}
    assert int(answer["Content-Length"]) == packed[encoding]
    # A file that no form makes smaller has none.
    assert "Content-Encoding" not in head_of(serving_page, "/assets/style-abc.css", accepted)


def head_of(service: Service, path: str, accepted: str) -> http.client.HTTPMessage:
    connection = http.client.HTTPConnection(service.url.removeprefix("http://"), timeout=20)
    try:
        connection.request("HEAD", path, headers={"Accept-Encoding": accepted})
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"")
        return answer.headers
    finally:
        connection.close()


def test_what_is_known_is_not_sent_again(serving_page: Service) -> None:
    for path in ("/", "/assets/index-abc.js"):
        first = get(serving_page, path)
        tag = first.headers["etag"]
        for known in (tag, f'"other", W/{tag}', "*"):
            again = get(serving_page, path, If_None_Match=known)
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == tag
            assert again.headers["cache-control"] == first.headers["cache-control"]
            assert again.headers["vary"] == "Accept-Encoding"
        assert get(serving_page, path, If_None_Match='"other"').status_code == 200
    # Each form has its own tag.
    tag = get(serving_page, "/assets/index-abc.js").headers["etag"]
    packed = get(serving_page, "/assets/index-abc.js", If_None_Match=tag, Accept_Encoding="gzip")
    assert packed.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/assets/nothing.js",
        "/assets/",
        "/assets/notes.txt",
        "/assets/index-abc.js.gz",
        "/assets/../.built-from",
        "/assets/../../page_bundle.py",
        "/assets/..%2f..%2f..%2fetc/passwd",
        "/assets/%2e%2e/%2e%2e/state/token",
        "/assets//etc/passwd",
        "/assets/%00",
        "/assets/a%0ab",
        "/assets/../agents",
        "/chat/../agents%0a",
    ],
)
def test_nothing_else_is_found(serving_page: Service, path: str) -> None:
    connection = http.client.HTTPConnection(serving_page.url.removeprefix("http://"), timeout=20)
    connection.putrequest("GET", path)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status == 200:  # a view, whatever stands behind its name
        assert body == INDEX
        return
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert b"route_not_found" in body


# --- the gate ------------------------------------------------------------------------------


def test_no_route_of_the_api_is_of_the_page() -> None:
    assert not [e.path for e in ENDPOINTS if is_of_page("GET", e.path)]
    for route in PageFiles().routes():
        assert isinstance(route, Route)
        assert is_of_page("GET", route.path), route.path
        assert is_of_page("HEAD", route.path)
        assert not any(is_of_page(method, route.path) for method in ("POST", "PUT", "OPTIONS"))
    assert len(PageFiles().routes()) == len(VIEWS) + 2


def test_only_reading_goes_without_the_token(serving_page: Service) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert get(serving_page, "/", method).status_code in (401, 415)
    with serving_page.client() as client:
        assert client.delete("/").status_code == 405
    for path in ("/agents", "/health", "/icon.svg/x", "/inbox/x", "/chats", "/x"):
        assert get(serving_page, path).status_code == 401


def test_a_rebound_name_gets_no_page(serving_page: Service) -> None:
    for path in ("/", "/icon.svg", "/assets/index-abc.js"):
        refused = get(serving_page, path, Host="evil.example")
        assert (refused.status_code, refused.json()["code"]) == (403, "host_not_allowed")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_link_may_stand_on_any_page(serving_page: Service, site: str) -> None:
    link = {"Sec_Fetch_Site": site, "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    for path in AT:
        assert get(serving_page, path, **link).status_code == 200
    assert get(serving_page, "/agents", **link).status_code == 403
    assert get(serving_page, "/", "POST", **link).status_code == 403
    for other in (
        {"Sec_Fetch_Dest": "iframe"},
        {"Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "script"},
        {"Sec_Fetch_Mode": "cors", "Sec_Fetch_Dest": "empty"},
    ):
        assert get(serving_page, "/", **{**link, **other}).status_code == 403
    assert get(serving_page, "/", Origin="http://evil.example", **link).status_code == 403


# --- without a page, and with another -----------------------------------------------------


def test_without_a_page_it_is_said_what_to_do(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    nowhere = tmp_path / "page"
    service = make_service(constants={"agent_runner.api.page_bundle.FOLDER": str(nowhere)})
    for path in ("/", "/chat/x"):
        answer = get(service, path)
        assert answer.status_code == 503
        assert "make run" in answer.text
        assert "style" not in answer.text
        assert "<script" not in answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert get(service, "/assets/index-abc.js").status_code == 404
    make_page(nowhere)
    assert get(service, "/").content == INDEX
    # A page that is built anew takes its place at the next visit.
    another = make_page(tmp_path / "another", b"another")
    nowhere.rename(tmp_path / "before")
    assert get(service, "/").content == INDEX
    another.rename(nowhere)
    assert get(service, "/").content == b"another"
    assert "failed" not in service.output


def test_a_page_that_changes_while_it_is_read_is_not_mixed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = shutil.copytree(folder, tmp_path / "page")
    read = page_bundle._read

    def change(path: Path) -> page_bundle.PageFile:
        (page / "new.html").write_bytes(b"another")
        (page / "new.html").replace(page / "index.html")
        return read(path)

    monkeypatch.setattr(page_bundle, "_read", change)
    with pytest.raises(OSError, match="built anew"):
        page_bundle.PageBundle(page)


def test_nothing_is_read_before_the_first_visit(folder: Path) -> None:
    pages = PageFiles(folder)
    pages.routes()
    assert pages._bundle is None


# --- readers that do not read ---------------------------------------------------------


def test_who_reads_too_slowly_costs_little_and_is_cut_off(
    make_service: Callable[..., Service], folder: Path
) -> None:
    service = make_service(
        constants={
            "agent_runner.api.page_bundle.FOLDER": str(folder),
            "agent_runner.api.page_files.LONGEST_S": 3.0,
        }
    )
    assert len(get(service, "/assets/large.js").content) == LARGE
    before, sockets = service.memory("VmRSS"), service.sockets()
    request = b"GET /assets/large.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    began, most = time.monotonic(), 0
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(connect(service, receive_buffer=1 << 16)) for _ in range(30)]
        for reader in readers:
            reader.sendall(request)
        # At this pace they would take a minute.
        while (passed := time.monotonic() - began) < 20:
            if passed > 1 and service.sockets() <= sockets:
                break
            most = max(most, service.memory("VmRSS") - before)
            for reader in readers:
                with contextlib.suppress(ConnectionResetError):
                    reader.recv(1 << 15)
            time.sleep(0.15)
        assert 2 < passed < 20
    assert most < 30 << 20
    assert get(service, "/").status_code == 200
    assert "without completing" not in service.output
    assert page_files.LONGEST_S == 120
