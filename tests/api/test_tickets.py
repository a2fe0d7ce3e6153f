"""Store and forward: nothing sent is lost, each ticket has one reply, waiting costs nobody."""

from __future__ import annotations

import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.conftest import ModuleService, Service
from tests.helpers.trial import wait_until


@pytest.fixture(scope="module")
def live(module_service: ModuleService) -> Service:
    service = module_service()
    service.register("poller")
    return service


def post(service: Service, where: str, key: str | None = None, **body: Any) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    with service.client() as client:
        return client.post(where, json=body, headers=headers)


def send(service: Service, content: str, **fields: Any) -> dict[str, Any]:
    sent = post(service, "/agents/poller/send", content=content, **fields)
    assert sent.status_code == 202, sent.text
    ticket: dict[str, Any] = sent.json()
    return ticket


def get(service: Service, where: str, **query: Any) -> Any:
    with service.client() as client:
        return client.get(where, params=query).json()


def test_a_message_waits_until_its_reply(live: Service) -> None:
    first = send(live, "one", metadata={"n": 1})
    second = send(live, "two")
    waiting = get(live, "/agents/poller/tickets/pending")["tickets"]
    assert [t["ticketId"] for t in waiting] == [first["ticketId"], second["ticketId"]]
    assert waiting[0]["metadata"] == {"n": 1}
    done = post(live, "/replies", ticketId=first["ticketId"], content="done").json()
    assert (done["state"], done["reply"]) == ("replied", "done")
    assert get(live, f"/replies/{first['ticketId']}") == done
    (left,) = get(live, "/agents/poller/tickets/pending")["tickets"]
    assert left["ticketId"] == second["ticketId"]
    after = get(live, "/agents/poller/tickets/pending", after=second["ticketId"])
    assert after["tickets"] == []
    post(live, "/replies", ticketId=second["ticketId"], content="done")


def test_who_waits_hears_at_once(live: Service) -> None:
    ticket = send(live, "quick")["ticketId"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(get, live, f"/replies/{ticket}/wait", timeoutMs=30_000)
        post(live, "/replies", ticketId=ticket, content="here")
        assert waiting.result(10)["reply"] == "here"
    assert get(live, f"/replies/{ticket}/wait")["reply"] == "here"
    slow = send(live, "slow")["ticketId"]
    assert get(live, f"/replies/{slow}/wait", timeoutMs=1)["state"] == "pending"
    post(live, "/replies", ticketId=slow, content="")


def test_one_reply_wins(live: Service) -> None:
    ticket = send(live, "race")["ticketId"]
    with ThreadPoolExecutor(8) as pool:
        replies = list(
            pool.map(
                lambda n: post(live, "/replies", ticketId=ticket, content=f"reply {n}"), range(8)
            )
        )
    assert Counter(reply.status_code for reply in replies) == {200: 1, 409: 7}
    (won,) = [reply.json()["reply"] for reply in replies if reply.status_code == 200]
    assert get(live, f"/replies/{ticket}")["reply"] == won
    assert post(live, "/replies", ticketId=ticket, content=won).status_code == 200
    assert {r.json()["code"] for r in replies if r.status_code == 409} == {"already_replied"}


def test_a_retry_makes_no_second_ticket(live: Service) -> None:
    first = post(live, "/agents/poller/send", key="k1", content="once").json()
    again = post(live, "/agents/poller/send", key="k1", content="once").json()
    assert again["ticketId"] == first["ticketId"]
    other = post(live, "/agents/poller/send", key="k1", content="twice")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    post(live, "/replies", ticketId=first["ticketId"], content="done")


def test_late_and_unknown(live: Service) -> None:
    ticket = send(live, "short", expiresMs=1)["ticketId"]
    wait_until(lambda: get(live, f"/replies/{ticket}")["state"] == "expired")
    late = post(live, "/replies", ticketId=ticket, content="late")
    assert (late.status_code, late.json()["code"]) == (410, "ticket_expired")
    assert get(live, f"/replies/{ticket}/wait")["state"] == "expired"
    assert get(live, "/agents/poller/tickets/pending")["tickets"] == []
    unknown = post(live, "/replies", ticketId="tick_none", content="x")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "ticket_not_found")
    assert post(live, "/agents/nobody/send", content="x").json()["code"] == "agent_not_found"
    assert post(live, "/agents/poller/send", content="").json()["code"] == "invalid_body"


def test_messages_and_replies_outlive_a_kill(live: Service) -> None:
    kept = send(live, "kept")["ticketId"]
    done = send(live, "done")["ticketId"]
    post(live, "/replies", ticketId=done, content="yes")
    live.stop(signal.SIGKILL)
    live.start()
    (waiting,) = get(live, "/agents/poller/tickets/pending")["tickets"]
    assert waiting["ticketId"] == kept
    assert get(live, f"/replies/{done}")["reply"] == "yes"
    post(live, "/replies", ticketId=kept, content="yes")


def test_a_stop_waits_for_nobody_who_waits(live: Service) -> None:
    ticket = send(live, "never")["ticketId"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(get, live, f"/replies/{ticket}/wait", timeoutMs=600_000)
        wait_until(lambda: live.sockets() > 0)
        assert live.stop() == 0
        waiting.exception(10)
    live.start()


def test_a_ticket_lives_for_a_year_at_most(live: Service) -> None:
    with live.client() as client:
        for expires in (366 * 86_400_000 + 1, 2**53, 10**18):
            body = {"content": "x", "expiresMs": expires}
            answer = client.post("/agents/worker/send", json=body)
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid_body")
