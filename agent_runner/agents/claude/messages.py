"""What is written to Claude Code: one JSON object a line."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from agent_runner.agents.attachments import Attachment, images_apart
from agent_runner.wire import encode


def line(message: dict[str, Any]) -> bytes:
    """One message, as it is written."""
    return encode(message) + b"\n"


def user_line(text: str, attachments: Sequence[Attachment], **more: str) -> bytes:
    """A prompt, with images as blocks before its text."""
    words, images = images_apart(text, attachments)
    content: Any = words
    if images:
        content = [
            *(_image(image, data) for image, data in images),
            {"type": "text", "text": words},
        ]
    return line(
        {
            "type": "user",
            "message": {"role": "user", "content": content},
            "parent_tool_use_id": None,
            "session_id": "",
            **more,
        }
    )


def _image(image: Attachment, data: bytes) -> dict[str, Any]:
    source = {
        "type": "base64",
        "media_type": image.media_type,
        "data": b64encode(data).decode(),
    }
    return {"type": "image", "source": source}


def refusal_line(request_id: str) -> bytes:
    """No to a request that is not served here."""
    error = {"subtype": "error", "request_id": request_id, "error": "not supported by this host"}
    return line({"type": "control_response", "response": error})


def answer_line(request_id: str, body: dict[str, Any]) -> bytes:
    """The answer to a request."""
    return line(
        {
            "type": "control_response",
            "response": {"subtype": "success", "request_id": request_id, "response": body},
        }
    )
