"""The line that ends a turn, cut at every byte: it tells the same end, or that it tells none."""

from __future__ import annotations

import json

import pytest

from agent_runner.agents.base import Form
from tests.agents.sessions import Driver
from tests.agents.test_unanswered import (
    ACP_OPEN,
    CLAUDE_INIT,
    DROID_OPEN,
    Message,
    chunk,
    claude_ends,
    claude_says,
    droid_rpc_says,
    note,
)

GEMINI_SAYS = [{"type": "message", "role": "assistant", "content": "hello", "delta": True}]
DROID_SAYS = [{"type": "message", "role": "assistant", "text": "hello"}]


def acp_end(reason: str) -> Message:
    return {"jsonrpc": "2.0", "id": 3, "result": {"stopReason": reason}}


ENDS = {
    "claude-good": ("claude-code", Form.WARM, [*CLAUDE_INIT, *claude_says("hello")], True),
    "claude-error": ("claude-code", Form.WARM, [*CLAUDE_INIT, *claude_says("hello")], False),
    "claude-turns": ("claude-code", Form.ONE_SHOT, [*CLAUDE_INIT, *claude_says("hello")], False),
    "droid-once": ("factory-droid", Form.ONE_SHOT, DROID_SAYS, True),
    "droid-good": ("factory-droid", Form.WARM, [*DROID_OPEN, *droid_rpc_says("hello")], True),
    "droid-error": ("factory-droid", Form.WARM, [*DROID_OPEN, *droid_rpc_says("hello")], False),
    "gemini-good": ("gemini", Form.ONE_SHOT, GEMINI_SAYS, True),
    "gemini-error": ("gemini", Form.ONE_SHOT, GEMINI_SAYS, False),
    "acp-good": ("gemini", Form.WARM, [*ACP_OPEN, chunk("agent_message_chunk", "hello")], True),
    "acp-error": ("gemini", Form.WARM, [*ACP_OPEN, chunk("agent_message_chunk", "hello")], False),
}
LINES = {
    "claude-good": claude_ends("hello")[0],
    "claude-error": claude_ends("API Error: 500", is_error=True)[0],
    "claude-turns": {"type": "result", "subtype": "error_max_turns", "is_error": False},
    "droid-once": {"type": "completion", "finalText": "hello", "numTurns": 1, "session_id": "s"},
    "droid-good": note(type="agent_turn_completed", reason="completed"),
    "droid-error": note(type="agent_turn_completed", reason="error"),
    "gemini-good": {"type": "result", "status": "success", "stats": {"total_tokens": 1}},
    "gemini-error": {"type": "result", "status": "error", "error": {"message": "quota"}},
    "acp-good": acp_end("end_turn"),
    "acp-error": acp_end("cancelled"),
}


@pytest.mark.parametrize("name", ENDS)
def test_a_cut_end_is_never_told_as_another(name: str) -> None:
    type_, form, before, good = ENDS[name]
    line = json.dumps(LINES[name])
    seen = set()
    for size in range(1, len(line)):
        driver = Driver(type_, form)
        driver.prompt()
        driver.take(*before)
        events = [*driver.take(line[:size]), *driver.end(0 if good else 1)]
        (end,) = (event for event in events if event["type"] == "turn.completed")
        seen.add(end["ok"])
        if good:
            assert end["ok"] or end["code"] == "no_result", line[:size]
        else:
            assert not end["ok"], line[:size]
    assert seen == ({True, False} if good else {False})
