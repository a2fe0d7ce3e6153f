"""The heartbeat shares a connection with frames that are sent in pieces."""

from __future__ import annotations

from collections.abc import AsyncGenerator, MutableMapping
from typing import Any

import anyio
import pytest

from agent_runner.api import streams
from agent_runner.streams.base import Dialect
from agent_runner.streams.native import Native

PIECES = {
    "text/event-stream": [b'id: 1\nevent: x\ndata: {"a":', *[b"x" * 100] * 8, b"}", b"\n\n"],
    "text/plain": [b"1 x ", *[b"x" * 100] * 8, b"}", b".."],
}


def beating(media: str, end: bytes, beat: bytes) -> type[Dialect]:
    """A dialect of which only the frames' ends and the heartbeat count."""
    namespace = {"media_type": media, "frame_end": end, "heartbeat": beat}
    return type("Beating", (Native,), namespace)


@pytest.mark.anyio
@pytest.mark.parametrize("language", [Native, beating("text/plain", b"..", b"?..")])
async def test_a_heartbeat_never_lands_inside_a_frame(
    language: type[Dialect], monkeypatch: pytest.MonkeyPatch
) -> None:
    beat, pieces = language.heartbeat, PIECES[language.media_type]
    monkeypatch.setattr(streams, "HEARTBEAT_S", 0.005)
    sent = b""

    async def frames() -> AsyncGenerator[bytes, None]:
        for _ in range(3):
            beats = sent.count(beat)
            while sent.count(beat) == beats:
                await anyio.sleep(0.001)
            for piece in pieces:
                yield piece

    async def send(message: MutableMapping[str, Any]) -> None:
        """A reader that takes a piece in more time than lies between two heartbeats."""
        nonlocal sent
        sent += message.get("body", b"")
        await anyio.sleep(0.01)

    slots = streams.StreamSlots(1)
    slots.enter()
    response = streams._Stream(frames(), slots, 30, language)
    assert response.headers["content-type"].startswith(language.media_type)
    with anyio.fail_after(20):
        await response({"type": "http", "method": "GET"}, anyio.sleep_forever, send)
    frame = b"".join(pieces)
    assert sent.count(beat) >= 3
    assert sent.replace(beat, b"") == frame * 3
    assert sent.count(frame) == 3, "a heartbeat cut a frame"
    slots.enter()


@pytest.mark.anyio
async def test_a_frame_that_begins_once_a_heartbeat_is_made_comes_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_S", 0.005)
    pieces = PIECES[Native.media_type]
    made = anyio.Event()
    sent = b""

    async def frames() -> AsyncGenerator[bytes, None]:
        await made.wait()
        for piece in pieces:
            yield piece

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal sent
        sent += message.get("body", b"")

    class Watched(streams._Stream):
        def _heartbeat(self) -> bytes:
            made.set()
            return super()._heartbeat()

    slots = streams.StreamSlots(1)
    slots.enter()
    with anyio.fail_after(20):
        response = Watched(frames(), slots, 30)
        await response({"type": "http", "method": "GET"}, anyio.sleep_forever, send)
    assert sent == Native.heartbeat + b"".join(pieces)
