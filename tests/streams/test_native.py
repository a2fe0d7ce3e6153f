"""The native dialect: one frame an event, whatever its text."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from agent_runner import wire
from agent_runner.events.envelope import Stored
from agent_runner.streams.native import Native

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.sampled_from(["\u2028", "\u2029", "\x85", "\r", "\n", "\0", "\x1e"]), TEXT)
def test_no_text_can_forge_a_frame(separator: str, text: str) -> None:
    value = {"t": f"{text}{separator}id: 9\n\nevent: x"}
    payload = wire.encode(value)
    stored = Stored(
        conversation_id="conv", run_id="run", type="notice", payload=payload, seq=7, time="now"
    )
    before, after = Native().around(stored)
    for frame in (Native().encode(stored), before + payload[1:] + after):
        lines = frame.decode().splitlines()
        assert lines[:2] == ["id: 7", "event: notice"]
        assert json.loads(lines[2].removeprefix("data: "))["t"] == value["t"]
        assert lines[3:] == [""]
