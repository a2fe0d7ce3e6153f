"""Files that belong to a prompt: how a CLI gets them. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

FILES = "Attached files:"
"""Before the list of a prompt's files."""


class Attachment(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A file beside a prompt, which the CLI may read at `path`.

    `data` holds the bytes of an image that may be put into the prompt itself; None for any
    other file.
    """

    name: str
    media_type: str
    path: str
    data: bytes | None = None


def mentioned(text: str, attachments: Sequence[Attachment]) -> str:
    """The prompt with a list of its files behind it, for a CLI that is told where they lie."""
    if not attachments:
        return text
    lines = [f"- {one.path} ({one.media_type}, {one.name})" for one in attachments]
    return "\n".join([text, "", FILES, *lines])


def images_apart(
    text: str, attachments: Sequence[Attachment]
) -> tuple[str, list[tuple[Attachment, bytes]]]:
    """The prompt that mentions all files but the images, and the images with their bytes."""
    images = [(one, one.data) for one in attachments if one.data is not None]
    others = [one for one in attachments if one.data is None]
    return mentioned(text, others), images
