"""Tool calls that are announced before all is known of them."""

from __future__ import annotations

import msgspec

from agent_runner.agents.acp.schema import ToolCall

PENDING = "pending"


class HeldCalls:
    """By id, until they run, are asked about, or end.

    An agent may announce a call while its model still writes it: what it is called and given
    comes later, in updates that name only what is new.
    """

    def __init__(self) -> None:
        self._calls: dict[str, ToolCall] = {}

    def hold(self, call: ToolCall) -> None:
        """Wait for more of it."""
        self._calls[call.toolCallId] = call

    def whole(self, call: ToolCall) -> ToolCall:
        """A later state of a call, with what was said of it before; it is held no more."""
        before = self._calls.pop(call.toolCallId, None)
        if before is None:
            return call
        said = {
            name: value
            for name in ToolCall.__struct_fields__
            if (value := getattr(call, name)) is not None
        }
        return msgspec.structs.replace(before, **said)

    def take(self) -> list[ToolCall]:
        """All that are held: nothing more comes."""
        calls, self._calls = list(self._calls.values()), {}
        return calls
