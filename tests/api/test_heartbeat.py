"""The heartbeat shares a connection with frames that are sent in pieces."""

from __future__ import annotations

from collections.abc import AsyncGenerator, MutableMapping
from typing import Any

import anyio
import pytest

from agent_runner.api import streams

BEAT = b": heartbeat\n\n"
PIECES = [b'id: 1\nevent: x\ndata: {"a":', *[b"x" * 100] * 8, b"}", b"\n\n"]


@pytest.mark.anyio
async def test_a_heartbeat_never_lands_inside_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_S", 0.005)
    sent = b""

    async def frames() -> AsyncGenerator[bytes, None]:
        for _ in range(3):
            beats = sent.count(BEAT)
            while sent.count(BEAT) == beats:
                await anyio.sleep(0.001)
            for piece in PIECES:
                yield piece

    async def send(message: MutableMapping[str, Any]) -> None:
        """A reader that takes a piece in more time than lies between two heartbeats."""
        nonlocal sent
        sent += message.get("body", b"")
        await anyio.sleep(0.01)

    slots = streams.StreamSlots(1)
    slots.enter()
    response = streams._Stream(frames(), slots, 30)
    with anyio.fail_after(20):
        await response({"type": "http", "method": "GET"}, anyio.sleep_forever, send)
    frame = b"".join(PIECES)
    assert sent.count(BEAT) >= 3
    assert sent.replace(BEAT, b"") == frame * 3
    assert sent.count(frame) == 3, "a heartbeat cut a frame"
    slots.enter()
