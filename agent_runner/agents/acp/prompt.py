"""What a prompt is over ACP: blocks of content."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from agent_runner.agents.attachments import Attachment, images_apart, mentioned


def prompt_blocks(
    text: str, attachments: Sequence[Attachment], *, images: bool
) -> list[dict[str, Any]]:
    """The text and, if the agent takes `images`, those in base64; other files are mentioned."""
    if not images:
        return [{"type": "text", "text": mentioned(text, attachments)}]
    words, pictures = images_apart(text, attachments)
    return [
        {"type": "text", "text": words},
        *(
            {
                "type": "image",
                "mimeType": picture.media_type,
                "data": b64encode(data).decode(),
            }
            for picture, data in pictures
        ),
    ]
