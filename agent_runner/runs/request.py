"""What a caller asks of an agent, and how to tell that he asks the same again."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import msgspec

from conversation_store.records import TurnAttachment

Busy = Literal["queue", "reject", "steer"]

_LATER = ("mode", "model", "permission_mode", "attachments", "new_conversation")


class ExecuteRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt. `timeouts` are camelCase milliseconds over the agent's and the service's.

    `mode` goes before everything else that would route the run. With an `idempotency_key`
    the request may be sent any number of times and makes one run. `model` and `permission_mode`
    stand in the place of the agent's own, in this run alone.
    """

    prompt: str
    conversation_id: str | None = None
    new_conversation: bool = False
    timeouts: dict[str, int] = {}
    metadata: dict[str, Any] = {}
    busy: Busy | None = None
    idempotency_key: str | None = None
    mode: str | None = None
    model: str | None = None
    permission_mode: str | None = None
    attachments: list[TurnAttachment] = []

    @property
    def overrides(self) -> dict[str, str]:
        """The agent's options that are others in this run, by their names on the wire."""
        given = {"model": self.model, "permissionMode": self.permission_mode}
        return {name: value for name, value in given.items() if value is not None}

    def fingerprint(self) -> str:
        """A hash of the request: its key and the order of its fields do not count."""
        asked = msgspec.to_builtins(msgspec.structs.replace(self, idempotency_key=None))
        for name in _LATER:
            # As it was before requests could have it: a key from then still fits.
            if not asked[name]:
                del asked[name]
        return hashlib.sha256(msgspec.json.encode(asked, order="deterministic")).hexdigest()
