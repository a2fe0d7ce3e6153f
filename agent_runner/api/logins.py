"""Browsers that have logged in by the token, and hold a cookie in its place."""

from __future__ import annotations

import hmac
import secrets
import time
from datetime import datetime

from agent_runner import wire
from conversation_store import interfaces

COOKIE = "agent_runner_session"
MOST = 1000
"""Logins that are kept; the oldest goes first."""


class Logins:
    """Each is known by a hash that the token is part of: another token ends them all."""

    def __init__(self, store: interfaces.Logins, lasts_s: float) -> None:
        self.lasts_s = lasts_s
        self._store = store
        self._ends: dict[str, float] = {}

    async def load(self) -> None:
        """Know those of an earlier service."""
        for login_hash, ends in (await self._store.all()).items():
            self._ends[login_hash] = datetime.fromisoformat(ends).timestamp()

    async def begin(self, token: str) -> str:
        """What a new cookie holds."""
        value = secrets.token_urlsafe(32)
        login_hash, now = _hash(value, token), wire.now()
        ends = wire.later(now, self.lasts_s)
        await self._store.add(login_hash, expires_at=ends, now=now)
        self._ends[login_hash] = datetime.fromisoformat(ends).timestamp()
        if len(self._ends) > MOST:
            oldest = next(iter(self._ends))
            del self._ends[oldest]
            await self._store.remove(oldest)
        return value

    async def end(self, value: str, token: str) -> None:
        """A cookie is of no use any more."""
        login_hash = _hash(value, token)
        if self._ends.pop(login_hash, None) is not None:
            await self._store.remove(login_hash)

    def ends_at(self, value: str, token: str) -> float | None:
        """Until when (Unix seconds) a cookie stands for the token; None if it does not."""
        ends = self._ends.get(_hash(value, token))
        return ends if ends is not None and time.time() < ends else None


def _hash(value: str, token: str) -> str:
    return hmac.new(token.encode(), value.encode("utf-8", "replace"), "sha256").hexdigest()
