"""The model API's streaming events inside Claude Code's `stream_event` lines.

Recorded from 2.1.197. `index` counts the content blocks of one API message.
"""

from __future__ import annotations

from typing import Any

from agent_runner.decoding.decode import Family, Line


class StreamMessage(Line):
    """The message a `message_start` opens."""

    id: str | None = None
    model: str | None = None
    type: Any = None
    role: Any = None
    content: Any = None
    stop_reason: Any = None
    stop_sequence: Any = None
    stop_details: Any = None
    usage: Any = None
    context_management: Any = None
    container: Any = None
    diagnostics: Any = None


class MessageStart(Line, tag_field="type", tag="message_start"):
    """An API message begins."""

    message: StreamMessage


class StartedBlock(Line):
    """A block as it begins: a tool call has its id and name already."""

    type: str
    id: str | None = None
    name: str | None = None
    text: Any = None
    thinking: Any = None
    signature: Any = None
    input: Any = None
    data: Any = None
    citations: Any = None
    caller: Any = None
    tool_use_id: Any = None
    content: Any = None


class ContentBlockStart(Line, tag_field="type", tag="content_block_start"):
    """Block `index` begins."""

    index: int
    content_block: StartedBlock


class Delta(Line):
    """More of a block: text_delta, thinking_delta, input_json_delta, signature_delta, ..."""

    type: str
    text: str = ""
    thinking: str = ""
    partial_json: str = ""
    signature: Any = None
    citation: Any = None
    estimated_tokens: Any = None


class ContentBlockDelta(Line, tag_field="type", tag="content_block_delta"):
    """More of block `index`."""

    index: int
    delta: Delta


class ContentBlockStop(Line, tag_field="type", tag="content_block_stop"):
    """Block `index` is over; its complete `assistant` line came before this."""

    index: int


class MessageDelta(Line, tag_field="type", tag="message_delta"):
    """The message's stop reason and its output tokens so far."""

    delta: Any = None
    usage: Any = None
    context_management: Any = None


class MessageStop(Line, tag_field="type", tag="message_stop"):
    """The API message is over."""


class Ping(Line, tag_field="type", tag="ping"):
    """Sign of life of the API."""


class StreamError(Line, tag_field="type", tag="error"):
    """The API broke off the stream (not seen)."""

    error: dict[str, Any] | None = None


STREAM = Family(
    {
        "message_start": MessageStart,
        "content_block_start": ContentBlockStart,
        "content_block_delta": ContentBlockDelta,
        "content_block_stop": ContentBlockStop,
        "message_delta": MessageDelta,
        "message_stop": MessageStop,
        "ping": Ping,
        "error": StreamError,
    },
    prefix="stream_event/",
)
