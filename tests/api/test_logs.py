"""The raw output of runs over HTTP, in pages and from the end."""

from __future__ import annotations

import pytest

from tests.conftest import ModuleService, Script, Service

LINES: Script = [{"stderr": "first\n"}, {"stderr": "second\n"}, {"text": "answer"}]


@pytest.fixture(scope="module")
def live(module_service: ModuleService) -> Service:
    service = module_service()
    service.register()
    service.register("other")
    return service


def test_logs_are_listed_and_read(live: Service) -> None:
    run_id = live.run(LINES).json()["runId"]
    with live.client() as client:
        logs = client.get("/agents/worker/logs").json()["logs"]
        assert [(log["runId"], log["stream"]) for log in logs][:2] == [
            (run_id, "stdout"),
            (run_id, "stderr"),
        ]
        assert logs[1]["sizeBytes"] == 13
        path = f"/agents/worker/logs/{run_id}"
        whole = client.get(f"{path}/stderr")
        assert (whole.text, whole.headers["X-Log-Size"]) == ("first\nsecond\n", "13")
        assert whole.headers["Content-Type"] == "text/plain; charset=utf-8"
        page = client.get(f"{path}/stderr?offset=6&limit=3")
        assert (page.text, page.headers["X-Log-Offset"]) == ("sec", "6")
        assert client.get(f"{path}/stderr?tail=7").text == "second\n"
        assert client.get(f"{path}/stderr?offset=99").text == ""
        assert '"answer"' in client.get(f"{path}/stdout").text


@pytest.mark.parametrize(
    ("agent", "run", "stream", "code"),
    [
        ("worker", "{run}", "stdin", "log_not_found"),
        ("other", "{run}", "stdout", "log_not_found"),
        ("worker", "run_none", "stdout", "run_not_found"),
        ("worker", "..%2F..%2Ftoken", "stdout", "route_not_found"),
    ],
)
def test_what_is_not_there(live: Service, agent: str, run: str, stream: str, code: str) -> None:
    run_id = live.run(LINES).json()["runId"]
    with live.client() as client:
        answer = client.get(f"/agents/{agent}/logs/{run.format(run=run_id)}/{stream}")
    assert (answer.status_code, answer.json()["code"]) == (404, code)


def test_a_run_that_printed_nothing_has_an_empty_log(live: Service) -> None:
    run_id = live.run("quiet").json()["runId"]
    with live.client() as client:
        assert client.get(f"/agents/worker/logs/{run_id}/stderr").content == b""


def test_a_tail_of_nothing_is_nothing(live: Service) -> None:
    run = live.run("hello").json()["runId"]
    with live.client() as client:
        assert client.get(f"/agents/worker/logs/{run}/stdout", params={"tail": 0}).content == b""
        assert client.get(f"/agents/worker/logs/{run}/stdout").content != b""
