"""What a turn of Codex CLI has used: as a whole, or from its app-server, call by call."""

from __future__ import annotations

from agent_runner.agents.codex import schema as exec_lines
from agent_runner.agents.codex import transcript_schema as transcript
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


def usage_of(tokens: exec_lines.Usage | transcript.Tokens) -> Usage:
    """The tokens of a turn, as `exec` and the session file tell them."""
    return Usage(
        input_tokens=whole(tokens.input_tokens),
        output_tokens=whole(tokens.output_tokens),
        cache_read_tokens=whole(tokens.cached_input_tokens),
        cache_write_tokens=whole(tokens.cache_write_input_tokens),
        reasoning_tokens=whole(tokens.reasoning_output_tokens),
    )


def _sum(before: int | None, more: float | None) -> int | None:
    number = whole(more)
    return before if number is None else (before or 0) + number
