"""What the agent says and thinks, and the end of its turn."""

from __future__ import annotations

from typing import ClassVar

from agent_runner.events.base import AgentEvent
from agent_runner.events.usage import Usage


class MessageDelta(AgentEvent, frozen=True, kw_only=True, tag="message.delta"):
    """More text of the assistant message `item_id`, of a helper if it has a parent."""

    ephemeral: ClassVar[bool] = True
    item_id: str
    text: str
    parent_tool_call_id: str | None = None


class MessageCompleted(AgentEvent, frozen=True, kw_only=True, tag="message.completed"):
    """One whole block of assistant text; replaces its deltas.

    `partial` is one that broke off: the turn or its process ended before the text did.
    """

    fruit: ClassVar[bool] = True
    recovered: ClassVar[bool] = True
    item_id: str
    text: str
    parent_tool_call_id: str | None = None
    partial: bool = False


class ReasoningDelta(AgentEvent, frozen=True, kw_only=True, tag="reasoning.delta"):
    """More of the model's thinking in `item_id`, of a helper's if it has a parent."""

    ephemeral: ClassVar[bool] = True
    item_id: str
    text: str
    parent_tool_call_id: str | None = None


class ReasoningCompleted(AgentEvent, frozen=True, kw_only=True, tag="reasoning.completed"):
    """One whole block of thinking; replaces its deltas. `partial` is one that broke off."""

    fruit: ClassVar[bool] = True
    recovered: ClassVar[bool] = True
    item_id: str
    text: str
    parent_tool_call_id: str | None = None
    partial: bool = False


class ItemSnapshot(AgentEvent, frozen=True, kw_only=True, tag="item.snapshot"):
    """The text so far of an item that is still open, for a reader who joins in the middle.

    `cut` tells that the text is very long and this is only its beginning.
    """

    ephemeral: ClassVar[bool] = True
    item_id: str
    kind: str
    text: str
    cut: bool = False


class TurnCompleted(AgentEvent, frozen=True, kw_only=True, tag="turn.completed"):
    """The agent's own result of the prompt; the run service turns it into the run's end.

    `unsolicited` marks a turn that the CLI began by itself (a finished background task):
    it answers no prompt and ends no run. A `partial` text is as far as the answer came.
    `untouched`: the CLI has certainly not had the prompt, which may go to another process.
    `resets_at` (Unix seconds) is when the limit that failed it ends, if the CLI gives a time
    beside its words.
    """

    ok: bool
    text: str | None = None
    code: str | None = None
    error: str | None = None
    stop_reason: str | None = None
    session_id: str | None = None
    usage: Usage | None = None
    cost_usd: float | None = None
    duration_ms: int | None = None
    num_turns: int | None = None
    unsolicited: bool = False
    partial: bool = False
    untouched: bool = False
    resets_at: float | None = None
