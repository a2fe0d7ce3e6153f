"""What a caller asks of an agent, and how to tell that he asks the same again."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import msgspec

Busy = Literal["queue", "reject"]


class ExecuteRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt. `timeouts` are camelCase milliseconds over the agent's and the service's.

    `mode` goes before everything else that would route the run. With an `idempotency_key`
    the request may be sent any number of times and makes one run.
    """

    prompt: str
    conversation_id: str | None = None
    timeouts: dict[str, int] = {}
    metadata: dict[str, Any] = {}
    busy: Busy | None = None
    idempotency_key: str | None = None
    mode: str | None = None

    def fingerprint(self) -> str:
        """A hash of the request: its key and the order of its fields do not count."""
        asked = msgspec.to_builtins(msgspec.structs.replace(self, idempotency_key=None))
        if self.mode is None:
            # As it was before requests could name one: a key from then still fits.
            del asked["mode"]
        return hashlib.sha256(msgspec.json.encode(asked, order="deterministic")).hexdigest()
