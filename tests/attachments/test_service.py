"""Files are taken whole or not at all, within the quota, and kept while somebody uses them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import anyio
import pytest

from agent_runner.attachments.files import AttachmentFiles
from agent_runner.attachments.service import MOST_INLINE, AttachmentService
from agent_runner.errors import BadRequestError, GoneError, TooLargeError, UnavailableError
from agent_runner.settings import AttachmentSettings
from conversation_store.errors import RecordNotFoundError
from conversation_store.interfaces import Store
from conversation_store.records import RunOutcome
from conversation_store.sqlite.store import open_store
from conversation_store.states import RunState
from tests.helpers.rows import LATER, add_agent, event, new_run

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n"


class Room:
    def __init__(self, store: Store, folder: Path, **settings: int) -> None:
        self.store = store
        self.files = AttachmentFiles(folder)
        self.files.prepare()
        self.service = AttachmentService(store, self.files, AttachmentSettings(**settings))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "new.db") as opened:
        await add_agent(opened)
        yield opened


@pytest.fixture
def room(store: Store, tmp_path: Path) -> Room:
    return Room(store, tmp_path / "attachments", file_bytes=6_000_000, quota_bytes=6_000_000)


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    for piece in data:
        yield piece


async def test_it_comes_in_pieces_and_is_known_by_its_content(room: Room) -> None:
    record = await room.service.take(pieces(PNG[:3], PNG[3:], b"rest"), "image/png")
    assert record.sha256 == sha256(PNG + b"rest").hexdigest()
    assert (record.media_type, record.size) == ("image/png", 12)
    inline = await room.service.take_inline(b64encode(PNG + b"rest").decode(), "")
    assert inline.attachment_id == record.attachment_id
    found, path = await room.service.path(record.attachment_id)
    assert path.read_bytes() == PNG + b"rest"
    assert found.attachment_id == record.attachment_id


async def test_too_large_and_over_the_quota_leave_nothing(room: Room) -> None:
    with pytest.raises(TooLargeError) as large:
        await room.service.take(pieces(b"x" * 5_000_000, b"x" * 1_000_001), "")
    await room.service.take(pieces(b"x" * 3_000_000), "")
    with pytest.raises(UnavailableError) as full:
        await room.service.take(pieces(b"y" * 3_000_001), "")
    assert (large.value.code, full.value.code) == ("attachment_too_large", "attachment_quota")
    assert len(room.files.hashes()) == 1
    assert await room.store.attachments.total() == 3_000_000


async def test_a_broken_upload_leaves_nothing(room: Room) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield PNG
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await room.service.take(broken(), "image/png")
    for data, code in (("!", "attachment_not_base64"), ("", "attachment_empty")):
        with pytest.raises(BadRequestError) as bad:
            await room.service.take_inline(data, "")
        assert bad.value.code == code
    assert room.files.hashes() == []


async def test_images_go_inline_unless_they_are_large(room: Room) -> None:
    small = await room.service.take(pieces(PNG), "")
    large = await room.service.take(pieces(PNG, b"x" * MOST_INLINE), "")
    text = await room.service.take(pieces(b"words"), "")
    named = [
        await room.service.named(one.attachment_id, name)
        for one, name in ((small, "a.png"), (large, None), (text, None))
    ]
    assert [one.name for one in named] == ["a.png", "file.png", "file.txt"]
    given = await room.service.for_cli("conv_1", named, inline=True)
    assert [one.data for one in given] == [PNG, None, None]
    assert [Path(one.path).stat().st_size for one in given] == [small.size, large.size, 5]
    given = await room.service.for_cli("conv_1", named, inline=False)
    assert [one.data for one in given] == [None, None, None]
    room.files.forget(small.sha256)
    with pytest.raises(GoneError) as gone:
        await room.service.for_cli("conv_2", named, inline=True)
    assert gone.value.code == "attachment_gone"


async def test_what_no_prompt_uses_goes_in_time(store: Store, tmp_path: Path) -> None:
    room = Room(store, tmp_path / "attachments", unused_ms=1)
    used = await room.service.take(pieces(PNG), "")
    unused = await room.service.take(pieces(b"unused"), "")
    turn = await room.service.named(used.attachment_id, None)
    await store.runs.accept(new_run(attachments=[turn]), [])
    while not await room.service.clear():
        pass
    assert room.files.hashes() == [used.sha256]
    with pytest.raises(RecordNotFoundError):
        await room.service.path(unused.attachment_id)
    assert await room.service.clear() == 0


async def test_two_conversations_share_it_and_the_last_takes_it_along(room: Room) -> None:
    record = await room.service.take(pieces(PNG), "")
    turn = await room.service.named(record.attachment_id, None)
    for number in (1, 2):
        await room.store.runs.accept(
            new_run(number, conversation=f"conv_{number}", attachments=[turn]), []
        )
        await room.service.for_cli(f"conv_{number}", [turn], inline=False)
        outcome = RunOutcome(state=RunState.SUCCEEDED)
        await room.store.runs.finish(f"run_{number}", outcome, [event()], now=LATER)
    for number, left in ((1, [record.sha256]), (2, [])):
        had = await room.store.attachments.of_conversation(f"conv_{number}")
        await room.store.conversations.delete(f"conv_{number}")
        await room.service.conversation_gone(f"conv_{number}", had)
        assert room.files.hashes() == left
        assert not room.files.folder_of(f"conv_{number}").exists()


async def test_one_that_comes_while_it_goes_is_whole_or_gone(room: Room) -> None:
    for _ in range(50):
        record = await room.service.take(pieces(PNG), "")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(room.service.conversation_gone, "conv_1", [record])
            tasks.start_soon(room.service.take, pieces(PNG), "")
        with suppress(RecordNotFoundError):
            await room.service.path(record.attachment_id)


async def test_a_content_that_was_never_recorded_goes_at_the_start(room: Room) -> None:
    kept = await room.service.take(pieces(PNG), "")
    with room.files.incoming() as file:
        file.write(b"the service was killed before it told the store")
        room.files.keep(file)
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(room.service.keep_clear)
            while room.files.hashes() != [kept.sha256]:
                await anyio.sleep(0.001)
            tasks.cancel_scope.cancel()
