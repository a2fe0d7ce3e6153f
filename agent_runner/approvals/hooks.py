"""Tells people outside of an approval that waits: by webhook, by a command.

Webhooks are signed as Standard Webhooks 1.0 has it (standardwebhooks.com): `webhook-id` is the
approval's id, the same in every attempt; `webhook-signature` is `v1,` and the base64 of
HMAC-SHA256 over `id.timestamp.body`. After a restart what still waits is told again.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import ssl
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import anyio
import msgspec
import structlog

from agent_runner.bus.feed import PAGE
from agent_runner.events.approval import ApprovalRequested
from agent_runner.events.envelope import Stored
from agent_runner.settings import HookSettings, Webhook, signing_key
from agent_runner.tasks import Tasks
from conversation_store.approval_log import REQUESTED, event_payload
from conversation_store.errors import RecordNotFoundError, StoreError
from conversation_store.interfaces import Store
from conversation_store.records import ApprovalRecord
from conversation_store.states import ApprovalState

log = structlog.get_logger(__name__)

RETRY_AFTER_S = (1.0, 5.0, 30.0, 120.0, 600.0)
TIMEOUT_S = 10.0
COMMAND_TIMEOUT_S = 30.0

Told = Callable[[], Awaitable[None]]


class HookError(Exception):
    """The other side did not take it."""


def signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """The `webhook-signature` of a message; `secret` may be `whsec_` and base64, or any text."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(signing_key(secret), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


class Hooks:
    """Each approval is told to each hook once, again and again until it is taken or given up."""

    def __init__(
        self, store: Store, settings: HookSettings, tasks: Tasks, env: Mapping[str, str]
    ) -> None:
        self._store = store
        self._settings = settings
        self._tasks = tasks
        self._env = dict(env)

    @property
    def any(self) -> bool:
        """True if anybody is to be told."""
        return bool(self._settings.webhooks or self._settings.command)

    async def tell_waiting(self) -> None:
        """Tell of everything that waits: at a start, for an earlier service may not have."""
        before: str | None = None
        while page := await self._store.approvals.list(
            state=ApprovalState.PENDING, before=before, limit=PAGE
        ):
            for approval in page:
                self.tell(approval)
            before = page[-1].approval_id

    def on_requested(self, envelope: Stored) -> None:
        """Observe approvals: tell of one that was just requested."""
        event = envelope.event
        assert isinstance(event, ApprovalRequested)
        self.tell(msgspec.convert(event.approval, ApprovalRecord))

    def tell(self, approval: ApprovalRecord) -> None:
        """Tell of an approval in the background."""
        body = event_payload(REQUESTED, approval)
        for webhook in self._settings.webhooks:
            self._start(approval, webhook.url, partial(_post, webhook, approval, body))
        if self._settings.command:
            command = partial(_run, self._settings.command, self._env, approval, body)
            self._start(approval, self._settings.command[0], command)

    def _start(self, approval: ApprovalRecord, where: str, told: Told) -> None:
        self._tasks.start_soon(self._insist, approval, where, told)

    async def _insist(self, approval: ApprovalRecord, where: str, told: Told) -> None:
        for attempt, wait in enumerate((*RETRY_AFTER_S, None), 1):
            try:
                await told()
            except Exception as error:  # whatever is wrong there, here all goes on
                facts = {"approval_id": approval.approval_id, "hook": where, "attempt": attempt}
                if wait is None:
                    log.error("hook_given_up", error=str(error), **facts)
                    return
                log.warning("hook_failed", error=str(error), retry_in_s=wait, **facts)
                await anyio.sleep(wait)
                if not await self._waits(approval.approval_id):
                    return
            else:
                return

    async def _waits(self, approval_id: str) -> bool:
        """False once it is decided, or gone with its conversation."""
        try:
            return (await self._store.approvals.get(approval_id)).decided_at is None
        except RecordNotFoundError:
            return False
        except StoreError:
            return True


@functools.cache
def _authorities() -> ssl.SSLContext:
    """Whom to trust; reading them takes 25 ms."""
    import httpx

    return httpx.create_ssl_context()


async def _post(webhook: Webhook, approval: ApprovalRecord, body: bytes) -> None:
    import httpx  # 50 ms that only who has webhooks should wait for

    timestamp = str(int(time.time()))
    headers = {
        "content-type": "application/json",
        "webhook-id": approval.approval_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature(webhook.secret, approval.approval_id, timestamp, body),
    }
    async with httpx.AsyncClient(timeout=TIMEOUT_S, verify=_authorities()) as client:
        answer = await client.post(webhook.url, content=body, headers=headers)
    if not answer.is_success:
        raise HookError(f"it answered {answer.status_code}")


async def _run(
    command: list[str], env: Mapping[str, str], approval: ApprovalRecord, body: bytes
) -> None:
    with anyio.move_on_after(COMMAND_TIMEOUT_S) as scope:
        done = await anyio.run_process(
            command,
            input=body,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            env={**env, "AGENT_RUNNER_APPROVAL_ID": approval.approval_id},
        )
    if scope.cancelled_caught:
        raise HookError(f"it ran for longer than {COMMAND_TIMEOUT_S:g} s and was ended")
    if done.returncode != 0:
        raise HookError(f"it left with code {done.returncode}")
