"""Approvals over HTTP: decided by whoever is first, streamed, and there after a kill."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import Service
from tests.helpers.asking import COMMAND, question, ran
from tests.helpers.trial import wait_until


class ApprovalRequest:
    """A prompt that asks, sent from a thread; its answer when it comes."""

    def __init__(self, service: Service, log: Path, name: str = "worker") -> None:
        self._pool = ThreadPoolExecutor(1)
        self._answer = self._pool.submit(service.run, question(log), name)
        found: list[dict[str, Any]] = []

        def waits() -> bool:
            found[:] = pending(service, agentId=name)
            return bool(found)

        wait_until(waits)
        (self.approval,) = found

    def finish(self) -> dict[str, Any]:
        answer: dict[str, Any] = self._answer.result(30).json()
        self._pool.shutdown()
        return answer


def pending(service: Service, **query: str) -> list[dict[str, Any]]:
    with service.client() as client:
        page = client.get("/approvals", params={"state": "pending", **query}).json()
    return list(page["approvals"])


def decide(service: Service, approval: dict[str, Any], **fields: Any) -> httpx.Response:
    body = {"decision": "approve", "inputHash": approval["inputHash"], **fields}
    with service.client() as client:
        return client.post(f"/approvals/{approval['approvalId']}/decide", json=body)


def frames(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """The events of a stream, each with its id."""
    seq = 0
    for line in lines:
        if line.startswith("id: "):
            seq = int(line[4:])
        elif line.startswith("data: "):
            event = json.loads(line[6:])
            assert event["seq"] == seq
            yield event


def test_answers_to_decisions(live: Service, tmp_path: Path) -> None:
    asking = ApprovalRequest(live, tmp_path / "log")
    approval = asking.approval
    with live.client() as client:
        where = f"/approvals/{approval['approvalId']}"
        for body, status, code in [
            ({}, 422, "no_decision"),
            ({"decision": "perhaps"}, 422, "invalid_body"),
            ({"decision": "approve"}, 422, "input_hash_required"),
            ({"decision": "approve", "inputHash": "0" * 64}, 409, "approval_changed"),
            ({"decision": "reject", "nonce": "0"}, 409, "approval_changed"),
            ({"optionId": "none"}, 422, "unknown_option"),
            ({"decision": "reject", "scope": "session"}, 422, "unsupported_option"),
        ]:
            refused = client.post(f"{where}/decide", json=body)
            assert (refused.status_code, refused.json()["code"]) == (status, code), body
        missing = client.post("/approvals/appr_none/decide", json={"decision": "reject"})
        assert (missing.status_code, missing.json()["code"]) == (404, "approval_not_found")
        first = decide(live, approval, by="ann")
        again = decide(live, approval, by="bob")
        assert (first.status_code, again.status_code) == (200, 200)
        assert first.json() == again.json()
        late = decide(live, approval, decision="reject", by="bob")
        assert (late.status_code, late.json()["code"]) == (409, "approval_decided")
        assert late.json()["approval"]["decidedBy"] == "ann"
    assert asking.finish()["content"] == "went on"
    assert ran(tmp_path / "log") == [COMMAND]
    with live.client() as client:
        gone = client.post(f"{where}/extend", json={})
    assert (gone.status_code, gone.json()["code"]) == (410, "approval_over")


def test_lists(live: Service, tmp_path: Path) -> None:
    asking = ApprovalRequest(live, tmp_path / "log")
    approval = asking.approval
    with live.client() as client:
        page = client.get("/approvals", params={"limit": 1}).json()
        assert (page["pending"], page["approvals"]) == (1, [approval])
        older = client.get("/approvals", params={"before": approval["approvalId"]}).json()
        assert approval not in older["approvals"]
        run = client.get("/approvals", params={"runId": approval["runId"]}).json()
        assert run["approvals"] == [approval]
        for query in ({"state": "open"}, {"limit": 0}, {"limit": "x"}):
            assert client.get("/approvals", params=query).status_code == 400
        assert pending(live, agentId="nobody") == []
    decide(live, approval, decision="reject")
    asking.finish()
    with live.client() as client:
        rejected = client.get("/approvals", params={"state": "rejected"}).json()
    assert rejected["approvals"][0]["approvalId"] == approval["approvalId"]


def test_the_stream_goes_on_after_its_cursor(live: Service, tmp_path: Path) -> None:
    seen: list[dict[str, Any]] = []
    ready = threading.Event()
    with live.client() as client:
        begin = client.get("/approvals").json()["lastEventSeq"]

        def read() -> None:
            with (
                live.client() as mine,
                mine.stream("GET", "/approvals/events", timeout=30) as response,
            ):
                assert response.status_code == 200
                ready.set()
                for event in frames(response.iter_lines()):
                    seen.append(event)
                    if event["type"] == "approval.resolved":
                        return

        reader = threading.Thread(target=read)
        reader.start()
        assert ready.wait(30)
        asking = ApprovalRequest(live, tmp_path / "log")
        with live.client() as other:
            other.post(f"/approvals/{asking.approval['approvalId']}/extend", json={"byMs": 1000})
        decide(live, asking.approval)
        asking.finish()
        reader.join(30)
        assert [event["type"] for event in seen] == [
            "approval.requested",
            "approval.extended",
            "approval.resolved",
        ]
        assert seen[0]["approval"] == asking.approval
        assert [event["seq"] for event in seen] == [begin + 1, begin + 2, begin + 3]
        for headers, query in (
            ({"Last-Event-ID": str(begin + 1)}, {}),
            ({}, {"after": str(begin + 1)}),
        ):
            with client.stream(
                "GET", "/approvals/events", headers=headers, params=query
            ) as response:
                events = frames(response.iter_lines())
                assert [next(events), next(events)] == seen[1:]
        ahead = client.get("/approvals/events", params={"after": "999999"})
        assert (ahead.status_code, ahead.json()["code"]) == (400, "cursor_ahead")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_a_service_that_ends_while_a_question_is_open(
    service: Service, tmp_path: Path, number: signal.Signals
) -> None:
    log, memory = tmp_path / "log", tmp_path / "memory"
    memory.mkdir()
    service.register("asker", env={"SCRIPTED_MEMORY": str(memory)})
    with ThreadPoolExecutor(1) as pool:
        pool.submit(service.run, question(log), "asker").add_done_callback(lambda _: None)
        wait_until(lambda: bool(pending(service)))
        (approval,) = pending(service)
        service.restart(number)
    assert pending(service) == [approval]
    assert ran(log) == []
    with service.client() as client:
        run = client.get(f"/runs/{approval['runId']}").json()
        assert run["status"] == "waiting_approval"
        assert client.get("/api/integrity/stats").json()["reconciliation"]["runsHeld"] == 1
        assert decide(service, approval).status_code == 200

        def over() -> bool:
            run.update(client.get(f"/runs/{approval['runId']}").json())
            return run["finishedAt"] is not None

        wait_until(over)
    assert (run["status"], run["content"]) == ("succeeded", "went on")
    assert ran(log) == [COMMAND]


def test_many_decisions_at_once(live: Service, tmp_path: Path) -> None:
    for number in range(5):
        log = tmp_path / f"log{number}"
        asking = ApprovalRequest(live, log)
        deciders = [
            partial(decide, live, asking.approval, decision=word, message=f"{word} {count}")
            for count in range(20)
            for word in ("approve", "reject")
        ]
        with ThreadPoolExecutor(len(deciders)) as pool:
            answers = [future.result() for future in [pool.submit(one) for one in deciders]]
        assert sorted(a.status_code for a in answers) == [200] + [409] * (len(deciders) - 1)
        (won,) = [answer.json() for answer in answers if answer.status_code == 200]
        assert {a.json()["approval"]["reason"] for a in answers if a.status_code == 409} == {
            won["reason"]
        }
        asking.finish()
        assert len(ran(log)) == (won["state"] == "approved")


def test_an_agent_may_not_wait_for_ever(live: Service) -> None:
    body = {"agentId": "patient", "type": "claude-code", "cwd": str(live.cwd)}
    with live.client() as client:
        refused = client.post("/agents/register", json={**body, "approvalExpiresMs": 10**12})
        assert (refused.status_code, refused.json()["code"]) == (422, "approval_too_long")
        assert client.post("/agents/register", json={**body, "approvalExpiresMs": 1}).is_success
