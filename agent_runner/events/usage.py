"""Tokens, cost, and the limits of the model's provider."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from agent_runner.events.base import AgentEvent


class Usage(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Token counts of one turn. `None` is unknown, which is not zero."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    total_tokens: int | None = None


class UsageReported(AgentEvent, frozen=True, kw_only=True, tag="usage"):
    """Token counts and cost so far or of this turn, as the CLI reports them."""

    recovered: ClassVar[bool] = True
    usage: Usage
    cost_usd: float | None = None
    model: str | None = None


class RateLimit(AgentEvent, frozen=True, kw_only=True, tag="rate_limit"):
    """What the CLI says of one window of the account's limits; times are Unix seconds.

    The overage is what may be used beyond it.
    """

    status: str
    limit_type: str | None = None
    resets_at: float | None = None
    utilization: float | None = None
    using_overage: bool | None = None
    overage_status: str | None = None
    overage_resets_at: float | None = None
    overage_disabled_reason: str | None = None


class RetryScheduled(AgentEvent, frozen=True, kw_only=True, tag="retry"):
    """The CLI's model call failed and will be made again."""

    attempt: int
    code: str
    max_attempts: int | None = None
    delay_ms: int | None = None
    http_status: int | None = None
    message: str | None = None
