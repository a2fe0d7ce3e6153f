"""Files of prompts: by their content, and there for as long as a turn has them."""

from __future__ import annotations

import pytest

from conversation_store.errors import RecordNotFoundError
from conversation_store.interfaces import Store
from conversation_store.records import AttachmentRecord, RunOutcome, TurnAttachment
from conversation_store.states import RunState
from tests.helpers.rows import LATER, NOW, event, new_run

pytestmark = pytest.mark.anyio

LATEST = "2026-02-01T00:00:00.000Z"


def file(number: int, at: str = NOW) -> AttachmentRecord:
    return AttachmentRecord(
        attachment_id=f"att_{number}",
        sha256=f"{number:064x}",
        media_type="image/png",
        size=100 + number,
        created_at=at,
        used_at=at,
    )


def used(number: int, name: str = "a.png") -> TurnAttachment:
    return TurnAttachment(
        attachment_id=f"att_{number}", name=name, media_type="image/png", size=100 + number
    )


async def test_the_same_content_is_one_file(store: Store) -> None:
    first = await store.attachments.add(file(1))
    again = await store.attachments.add(file(1, LATER))
    assert (again.created_at, again.used_at) == (NOW, LATER)
    assert first.attachment_id == again.attachment_id
    await store.attachments.add(file(2))
    assert await store.attachments.total() == 101 + 102
    assert (await store.attachments.get("att_2")).size == 102


async def test_a_turn_shows_its_files_in_their_order(store: Store) -> None:
    for number in (1, 2):
        await store.attachments.add(file(number))
    files = [used(2, "b.png"), used(1), used(2, "again.png")]
    await store.runs.accept(new_run(attachments=files), [])
    (turn,) = await store.conversations.turns("conv_1", after=0, limit=9)
    assert turn.attachments == files
    assert (await store.conversations.turn("turn_1")).attachments == files
    assert (await store.conversations.turns_of_run("run_1"))[0].attachments == files
    listed = await store.attachments.of_conversation("conv_1")
    assert {one.attachment_id for one in listed} == {"att_1", "att_2"}


async def test_an_unknown_file_keeps_the_prompt_out(store: Store) -> None:
    with pytest.raises(RecordNotFoundError) as caught:
        await store.runs.accept(new_run(attachments=[used(9)]), [])
    assert caught.value.code == "attachment_not_found"
    with pytest.raises(RecordNotFoundError):
        await store.runs.get("run_1")
    with pytest.raises(RecordNotFoundError):
        await store.attachments.get("att_9")


async def test_a_file_goes_with_the_last_conversation_that_has_it(store: Store) -> None:
    for number in (1, 2, 3):
        await store.attachments.add(file(number))
    await store.runs.accept(new_run(1, "conv_1", attachments=[used(1), used(2)]), [])
    await store.runs.accept(new_run(2, "conv_2", attachments=[used(2)]), [])
    for run in ("run_1", "run_2"):
        outcome = RunOutcome(state=RunState.SUCCEEDED)
        await store.runs.finish(run, outcome, [event()], now=LATER)
    assert [one.attachment_id for one in await store.attachments.unused(before=LATEST)] == ["att_3"]
    await store.conversations.delete("conv_1")
    names = {one.attachment_id for one in await store.attachments.unused(before=LATEST)}
    assert names == {"att_1", "att_3"}
    assert await store.attachments.unused(before=NOW) == [], "they were used after that"
    removed = await store.attachments.remove(["att_1", "att_2", "att_3"], before=LATEST)
    assert sorted(removed) == ["att_1", "att_3"]
    assert await store.attachments.total() == 102
