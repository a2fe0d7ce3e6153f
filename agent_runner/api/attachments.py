"""Attachments: upload a file, and get it back."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from agent_runner.api.context import context
from agent_runner.api.replies import Reply, json_reply
from agent_runner.api.routes import Endpoint
from agent_runner.attachments.media_type import BINARY, IMAGES
from conversation_store.records import AttachmentRecord

_SAFE = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, max-age=31536000, immutable",
}


class AttachmentReply(Reply, frozen=True, kw_only=True):
    """A file that is kept. `mediaType` is what its bytes say that it is."""

    attachment_id: str
    media_type: str
    size: int
    sha256: str
    created_at: str


def _reply(record: AttachmentRecord) -> AttachmentReply:
    return AttachmentReply(
        attachment_id=record.attachment_id,
        media_type=record.media_type,
        size=record.size,
        sha256=record.sha256,
        created_at=record.created_at,
    )


async def upload(request: Request) -> Response:
    """Keep the body as a file. The same bytes again are the same attachment.

    One that no prompt uses goes after a day.
    """

    async def pieces() -> AsyncIterator[bytes]:
        async for piece in request.stream():
            if piece:
                yield piece

    claimed = request.headers.get("content-type", "")
    kept = await context(request).attachments.take(pieces(), claimed)
    return json_reply(_reply(kept), 201)


async def download(request: Request) -> Response:
    """The file. A browser shows an image, and keeps anything else from doing something."""
    record, path = await context(request).attachments.path(request.path_params["attachmentId"])
    is_image = record.media_type in IMAGES
    return FileResponse(
        path,
        media_type=record.media_type if is_image else BINARY,
        headers=_SAFE,
        filename=record.attachment_id,
        content_disposition_type="inline" if is_image else "attachment",
    )


async def about(request: Request) -> Response:
    """What is known of the file."""
    record = await context(request).store.attachments.get(request.path_params["attachmentId"])
    return json_reply(_reply(record))


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/attachments",
        handler=upload,
        summary="Upload a file for a prompt: its bytes are the body",
        tag="attachments",
        upload=True,
        reply=AttachmentReply,
        status=201,
        problems=(408, 413, 422, 503),
    ),
    Endpoint(
        method="GET",
        path="/attachments/{attachmentId}",
        handler=about,
        summary="What is known of an attachment",
        tag="attachments",
        reply=AttachmentReply,
        problems=(404,),
    ),
    Endpoint(
        method="GET",
        path="/attachments/{attachmentId}/content",
        handler=download,
        summary="The file of an attachment",
        tag="attachments",
        media_types=(BINARY, *sorted(IMAGES)),
        problems=(404, 410),
    ),
)
