"""Takes files in, hands them to CLIs, and lets go of those that nobody uses."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import AsyncIterable, Sequence
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import structlog

from agent_runner import wire
from agent_runner.agents.attachments import Attachment
from agent_runner.attachments.files import AttachmentFiles, Incoming
from agent_runner.attachments.media_type import IMAGES, contradicts, media_type
from agent_runner.errors import BadRequestError, GoneError, TooLargeError, UnavailableError
from agent_runner.settings import AttachmentSettings
from conversation_store.errors import RecordNotFoundError
from conversation_store.interfaces import Store
from conversation_store.records import AttachmentRecord, TurnAttachment

log = structlog.get_logger(__name__)

MOST_INLINE = 5 << 20
"""Bytes of the largest image that goes into a prompt; models' services take no larger one."""

CHECK_S = 3600.0
_NUMBER = slice(4, 12)
_LATEST = "~"  # sorts after every time


class AttachmentService:
    """Attachments by their id, which follows from their content."""

    def __init__(self, store: Store, files: AttachmentFiles, settings: AttachmentSettings) -> None:
        self._store = store
        self._files = files
        self._settings = settings
        self._taking = 0
        # A content is neither kept while its record goes, nor removed while its record comes.
        self._changing = anyio.Lock()

    async def take(self, pieces: AsyncIterable[bytes], claimed: str) -> AttachmentRecord:
        """Keep a file that comes in pieces; the same content twice is one attachment.

        BadRequestError `attachment_empty`, `attachment_mismatch` (it is not what it is `claimed`
        to be); TooLargeError `attachment_too_large`; UnavailableError `attachment_quota`.
        """
        with self._files.incoming() as file:
            async for piece in pieces:
                self._check_size(file.size + len(piece))
                await anyio.to_thread.run_sync(file.write, piece)
            return await self._keep(file, claimed)

    async def take_inline(self, data: str, claimed: str) -> AttachmentRecord:
        """Keep a file that came as base64, as `take`; or error `attachment_not_base64`."""
        try:
            content = b64decode(data, validate=True)
        except ValueError as error:
            raise BadRequestError("attachment_not_base64", f"data is not base64: {error}") from None
        self._check_size(len(content))
        with self._files.incoming() as file:
            await anyio.to_thread.run_sync(file.write, content)
            return await self._keep(file, claimed)

    def _check_size(self, size: int) -> None:
        if size > self._settings.file_bytes:
            raise TooLargeError(
                "attachment_too_large",
                f"the file is larger than {self._settings.file_bytes} bytes",
                hint="attachments.file_bytes sets the limit",
            )

    async def _keep(self, file: Incoming, claimed: str) -> AttachmentRecord:
        if not file.size:
            raise BadRequestError("attachment_empty", "the file is empty")
        found = media_type(file.head)
        if contradicts(claimed, found):
            raise BadRequestError(
                "attachment_mismatch",
                f"the file is said to be {claimed[:60]}, and is {found}",
                hint="send it with its own media type, or with application/octet-stream",
            )
        total = await self._store.attachments.total() + self._taking
        if total + file.size > self._settings.quota_bytes:
            raise UnavailableError(
                "attachment_quota",
                f"attachments take {total} of {self._settings.quota_bytes} bytes already",
                hint="delete conversations that have large ones, or raise attachments.quota_bytes",
            )
        self._taking += file.size
        try:
            sha256, now = file.sha256, wire.now()
            record = AttachmentRecord(
                attachment_id=_id_of(sha256),
                sha256=sha256,
                media_type=found,
                size=file.size,
                created_at=now,
                used_at=now,
            )
            async with self._changing:
                await anyio.to_thread.run_sync(self._files.keep, file)
                return await self._store.attachments.add(record)
        finally:
            self._taking -= file.size

    async def named(self, attachment_id: str, name: str | None) -> TurnAttachment:
        """An attachment for a turn; RecordNotFoundError `attachment_not_found`."""
        record = await self._store.attachments.get(attachment_id)
        return TurnAttachment(
            attachment_id=record.attachment_id,
            name=name or f"file.{_ending(record.media_type)}",
            media_type=record.media_type,
            size=record.size,
        )

    async def path(self, attachment_id: str) -> tuple[AttachmentRecord, Path]:
        """An attachment and its file; GoneError `attachment_gone` if that is lost."""
        record = await self._store.attachments.get(attachment_id)
        path = self._files.content(record.sha256)
        if not path.is_file():
            raise _gone(attachment_id)
        return record, path

    def folder_of(self, conversation_id: str) -> Path:
        """What a conversation's CLI may read of attachments."""
        return self._files.folder_of(conversation_id)

    async def for_cli(
        self, conversation_id: str, attachments: Sequence[TurnAttachment], *, inline: bool
    ) -> list[Attachment]:
        """The files of a prompt as its CLI gets them: small images with their bytes, if `inline`.

        GoneError `attachment_gone` if a file is lost.
        """
        given = []
        for one in attachments:
            record, content = await self.path(one.attachment_id)
            number = one.attachment_id[_NUMBER]
            place = partial(self._files.place, conversation_id, number, one.name, record.sha256)
            path = await anyio.to_thread.run_sync(place)
            data: bytes | None = None
            if inline and record.media_type in IMAGES and record.size <= MOST_INLINE:
                data = await anyio.to_thread.run_sync(content.read_bytes)
            given.append(
                Attachment(name=one.name, media_type=record.media_type, path=str(path), data=data)
            )
        return given

    async def conversation_gone(
        self, conversation_id: str, attachments: Sequence[AttachmentRecord]
    ) -> None:
        """A conversation that had these was deleted: its folder goes, and what nobody else uses."""
        await anyio.to_thread.run_sync(self._files.forget_conversation, conversation_id)
        await self._remove(attachments, _LATEST)

    async def clear(self) -> int:
        """Remove attachments of no turn that were uploaded long ago; how many."""
        before = wire.later(wire.now(), -self._settings.unused_ms / 1000)
        return await self._remove(await self._store.attachments.unused(before=before), before)

    async def _remove(self, attachments: Sequence[AttachmentRecord], before: str) -> int:
        if not attachments:
            return 0
        ids = [one.attachment_id for one in attachments]
        async with self._changing:
            removed = set(await self._store.attachments.remove(ids, before=before))
            for one in attachments:
                if one.attachment_id in removed:
                    await anyio.to_thread.run_sync(self._files.forget, one.sha256)
        return len(removed)

    async def _clear_unrecorded(self) -> None:
        """Remove contents whose record an earlier service had not written, or had removed."""
        for sha256 in await anyio.to_thread.run_sync(self._files.hashes):
            async with self._changing:
                try:
                    await self._store.attachments.get(_id_of(sha256))
                except RecordNotFoundError:
                    await anyio.to_thread.run_sync(self._files.forget, sha256)

    async def keep_clear(self) -> None:
        """Clear now and then; runs for ever."""
        await self._clear_unrecorded()
        while True:
            if removed := await self.clear():
                log.info("attachments_removed", count=removed)
            await anyio.sleep(CHECK_S)


def _gone(attachment_id: str) -> GoneError:
    return GoneError("attachment_gone", f"the file of attachment {attachment_id} is lost")


def _id_of(sha256: str) -> str:
    return f"att_{sha256[:40]}"


def _ending(found: str) -> str:
    return {"text/plain": "txt", "application/octet-stream": "bin"}.get(
        found, found.rpartition("/")[2]
    )
