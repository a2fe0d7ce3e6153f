"""Droid's token counts as ours: those of a turn, or those of a session from one time to another."""

from __future__ import annotations

from agent_runner.agents.droid.rpc_schema import TokenUsage
from agent_runner.decoding.decode import whole
from agent_runner.events.usage import Usage


def usage_of(tokens: TokenUsage) -> Usage:
    """The counts as they are."""
    return Usage(
        input_tokens=whole(tokens.inputTokens),
        output_tokens=whole(tokens.outputTokens),
        cache_read_tokens=whole(tokens.cacheReadTokens),
        cache_write_tokens=whole(tokens.cacheCreationTokens),
        reasoning_tokens=whole(tokens.thinkingTokens),
    )


def usage_since(now: Usage, before: Usage | None) -> Usage | None:
    """What has been used between two counts of a session; None if nothing has."""
    if now == before:
        return None
    counts = {name: getattr(now, name) for name in Usage.__struct_fields__}
    old = {name: getattr(before, name, None) or 0 for name in counts}
    return Usage(
        **{name: max(0, n - old[name]) for name, n in counts.items() if n is not None},
    )
