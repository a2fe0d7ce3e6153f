"""People outside are told of what waits: signed, again until it is taken."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anyio
import pytest

from agent_runner.approvals import hooks
from agent_runner.runs.stop import StopReason
from conversation_store.errors import StoreUnusableError
from conversation_store.records import ApprovalRecord
from tests.conftest import Serving
from tests.helpers.asking import approve, asked, question
from tests.helpers.trial import add_agent, ended, start, until

pytestmark = pytest.mark.anyio

SECRET = "a secret of sixteen"


class Receiver:
    """A web server that takes webhooks after it refused the first `refuses`."""

    def __init__(self) -> None:
        self.refuses = 0
        self.got: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(503 if len(receiver.got) <= receiver.refuses else 204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr(hooks, "RETRY_AFTER_S", (0.05, 0.05))
    made = Receiver()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


async def test_a_webhook_is_signed_and_sent_until_it_is_taken(
    serving: Serving, tmp_path: Path, receiver: Receiver
) -> None:
    receiver.refuses = 1
    async with serving(webhooks=[{"url": receiver.url, "secret": SECRET}]) as context:
        agent = await add_agent(context, "worker", "claude-code", tmp_path)
        active, approval = await asked(context, agent, question(tmp_path / "log"))
        await until(lambda: len(receiver.got) == 2)
        await context.approvals.decide(approval.approval_id, approve(approval))
        await ended(active)
    for headers, body in receiver.got:
        assert headers["webhook-id"] == approval.approval_id
        signed = f"{approval.approval_id}.{headers['webhook-timestamp']}.".encode() + body
        digest = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
        assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
        told = json.loads(body)
        assert told["type"] == "approval.requested"
        assert told["approval"]["inputHash"] == approval.input_hash


async def test_what_waits_is_told_again_after_a_restart(
    serving: Serving, tmp_path: Path, receiver: Receiver
) -> None:
    async with serving() as context:
        agent = await add_agent(context, "worker", "claude-code", tmp_path)
        _, approval = await asked(context, agent, question(tmp_path / "log"))
    assert receiver.got == []
    async with serving(webhooks=[{"url": receiver.url, "secret": SECRET}]):
        await until(lambda: bool(receiver.got))
    assert receiver.got[0][0]["webhook-id"] == approval.approval_id


async def test_nobody_takes_it_and_the_run_goes_on(
    serving: Serving, tmp_path: Path, receiver: Receiver
) -> None:
    receiver.refuses = 100
    async with serving(webhooks=[{"url": receiver.url, "secret": SECRET}]) as context:
        agent = await add_agent(context, "worker", "claude-code", tmp_path)
        active, approval = await asked(context, agent, question(tmp_path / "log"))
        await until(lambda: len(receiver.got) == 3)
        await context.approvals.decide(approval.approval_id, approve(approval))
        assert (await ended(active)).state == "succeeded"
    assert len(receiver.got) == 3


async def test_a_command_gets_the_event(serving: Serving, tmp_path: Path) -> None:
    took = tmp_path / "took"
    program = (
        "import os, pathlib, sys;"
        f"pathlib.Path({str(took)!r}).write_text("
        "os.environ['AGENT_RUNNER_APPROVAL_ID'] + ' ' + sys.stdin.read())"
    )
    async with serving(command=[sys.executable, "-c", program]) as context:
        agent = await add_agent(context, "worker", "claude-code", tmp_path)
        active, approval = await asked(context, agent, question(tmp_path / "log"))
        await until(lambda: took.exists() and bool(took.read_text()))
        await context.approvals.decide(approval.approval_id, approve(approval))
        await ended(active)
    name, _, body = took.read_text().partition(" ")
    assert name == approval.approval_id
    assert json.loads(body)["approval"]["approvalId"] == name


def test_a_secret_of_the_standard_form() -> None:
    """The example of the specification (standardwebhooks.com)."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    made = hooks.signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_what_waited_is_gone_with_its_conversation(
    serving: Serving, tmp_path: Path, receiver: Receiver
) -> None:
    receiver.refuses = 100
    async with serving(webhooks=[{"url": receiver.url, "secret": SECRET}]) as context:
        agent = await add_agent(context, "worker", "claude-code", tmp_path)
        active, _ = await asked(context, agent, question(tmp_path / "log"))
        await until(lambda: len(receiver.got) == 1)
        active.stop.request(StopReason.CANCELLED)
        await ended(active)
        await context.runs.delete_conversation(active.run.conversation_id)
        await anyio.sleep(0.2)
        assert (await ended(await start(context, agent, "and on"))).state == "succeeded"


async def test_a_database_that_cannot_be_read_is_no_reason_to_give_up(
    serving: Serving, tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.refuses = 1
    async with serving(webhooks=[{"url": receiver.url, "secret": SECRET}]) as context:
        agent = await add_agent(context, "worker", "claude-code", tmp_path)

        async def unreadable(_: str) -> ApprovalRecord:
            raise StoreUnusableError("database_unwritable", "the disk does not work")

        active, approval = await asked(context, agent, question(tmp_path / "log"))
        with monkeypatch.context() as patch:
            patch.setattr(context.store.approvals, "get", unreadable)
            await until(lambda: len(receiver.got) == 2)
        await context.approvals.decide(approval.approval_id, approve(approval))
        assert (await ended(active)).state == "succeeded"


async def test_any_failure_of_a_hook_is_the_hooks(
    serving: Serving, tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> str:
        raise ValueError("no such secret")

    monkeypatch.setattr(hooks, "signature", broken)
    async with serving(webhooks=[{"url": receiver.url, "secret": SECRET}]) as context:
        agent = await add_agent(context, "worker", "claude-code", tmp_path)
        active, approval = await asked(context, agent, question(tmp_path / "log"))
        await anyio.sleep(0.1)
        await context.approvals.decide(approval.approval_id, approve(approval))
        assert (await ended(active)).state == "succeeded"
