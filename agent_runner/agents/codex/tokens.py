"""What a turn of Codex CLI's app-server has used: the calls of the model, one by one."""

from __future__ import annotations

from agent_runner.agents.codex.rpc_schema import Tokens
from agent_runner.decoding.decode import whole
from agent_runner.events.usage import Usage


class TurnTokens:
    """`used` is None until a call has told its tokens."""

    def __init__(self) -> None:
        self.used: Usage | None = None

    def begin(self) -> None:
        """Another turn."""
        self.used = None

    def add(self, call: Tokens | None) -> None:
        """One more call of the model."""
        if call is None:
            return
        before = self.used or Usage()
        self.used = Usage(
            input_tokens=_sum(before.input_tokens, call.inputTokens),
            output_tokens=_sum(before.output_tokens, call.outputTokens),
            cache_read_tokens=_sum(before.cache_read_tokens, call.cachedInputTokens),
            cache_write_tokens=_sum(before.cache_write_tokens, call.cacheWriteInputTokens),
            reasoning_tokens=_sum(before.reasoning_tokens, call.reasoningOutputTokens),
        )


def _sum(before: int | None, more: float | None) -> int | None:
    number = whole(more)
    return before if number is None else (before or 0) + number
