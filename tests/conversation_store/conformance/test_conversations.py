"""Conversations and records: what goes in comes out, and what is deleted is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from conversation_store.errors import RecordConflictError, RecordNotFoundError
from conversation_store.interfaces import OpenStore, Store
from conversation_store.records import NewRun, RunOutcome
from conversation_store.states import RunState
from tests.helpers.rows import (
    LATER,
    NOW,
    add_agent,
    add_run,
    event,
    move,
    new_run,
)

pytestmark = pytest.mark.anyio

STRANGE = [
    "line\u2028and\u2029paragraph\x85 \r\n",
    "NUL \0 in the middle",
    "'; DROP TABLE turns; -- :name ? %s",
    "🦊\ufeff\U0010ffff\x1b[2J",
    "",
    "x" * 5_000_000,
]
IDS = ["separators", "NUL", "SQL", "unicode", "nothing", "5 MB"]


async def finish(store: Store, run: NewRun, **fields: Any) -> None:
    outcome = RunOutcome(**{"state": RunState.SUCCEEDED, **fields})
    assert await store.runs.finish(run.run_id, outcome, [event()], now=LATER) is not None


@pytest.mark.parametrize("text", STRANGE, ids=IDS)
async def test_texts_come_back_as_they_went(store: Store, text: str) -> None:
    metadata = {"text": text, "nested": [1, 2.5, None, True, {"k": text}]}
    run = new_run(prompt=text, metadata=metadata)
    await store.runs.accept(run, [event()])
    await finish(store, run, answer=text, turn_id="turn_2", metadata=metadata, error=text)
    question, answer = await store.conversations.turns("conv_1", after=0, limit=10)
    assert (question.content, question.metadata) == (text, metadata)
    assert (answer.content, answer.role, answer.direction) == (text, "assistant", "outbound")
    assert await store.conversations.turn("turn_2") == answer
    assert await store.conversations.turns_of_run("run_1") == [question, answer]
    record = await store.runs.get("run_1")
    assert (record.metadata, record.error) == (metadata, text)


@pytest.mark.parametrize("text", STRANGE, ids=IDS)
async def test_options_come_back_as_they_went(store: Store, text: str) -> None:
    options = {"cwd": "/", "systemPrompt": text, "env": {"A": text}}
    added = await store.agents.add(
        "other", agent_type="custom", comm_mode="headless", options=options, now=NOW
    )
    assert added.options == options
    assert await store.agents.get("other") == added
    changed = await store.agents.change("other", comm_mode="tmux", options={"x": text}, now=LATER)
    assert (changed.comm_mode, changed.options) == ("tmux", {"x": text})
    assert (changed.created_at, changed.updated_at) == (NOW, LATER)
    assert (await store.agents.all())[0] == changed


async def test_a_run_keeps_everything_about_its_end(store: Store) -> None:
    run = await add_run(store)
    assert await store.runs.move(move(RunState.STARTING, RunState.RUNNING, form="warm"))
    usage = {"inputTokens": 2**53, "outputTokens": 0}
    fields = {
        "state": RunState.FAILED,
        "code": "billing",
        "error": "no money",
        "hint": "pay",
        "session_id": "s-1",
        "cli_version": "1.2.3",
        "exit_code": -9,
        "usage": usage,
        "cost_usd": 0.1,
        "duration_ms": 42,
    }
    await finish(store, run, **fields)
    record = await store.runs.get("run_1")
    assert {name: getattr(record, name) for name in fields} == fields
    assert (record.form, record.queued_at, record.started_at) == ("warm", NOW, NOW)
    assert record.finished_at == LATER
    assert (await store.conversations.get("conv_1")).session_id == "s-1"


async def test_the_current_conversation_is_the_newest_open_one(store: Store) -> None:
    conversations = store.conversations
    assert await conversations.current_id("worker") is None
    await finish(store, await add_run(store))
    assert await conversations.current_id("worker") == "conv_1"
    await finish(store, await add_run(store, 2, "conv_2"))
    assert await conversations.current_id("worker") == "conv_2"
    await conversations.end("conv_2", now=LATER)
    assert await conversations.current_id("worker") == "conv_1"
    await conversations.delete("conv_1")
    assert await conversations.current_id("worker") is None


async def test_what_was_read_before_a_change_is_not_kept(store: Store) -> None:
    conversations = store.conversations
    await finish(store, await add_run(store))
    seen: list[str | None] = []

    async def ask() -> None:
        seen.append(await conversations.current_id("worker"))

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(ask)
        await conversations.end("conv_1", now=LATER)
    assert len(seen) == 20
    assert await conversations.current_id("worker") is None


async def test_an_ended_conversation_takes_no_run(store: Store) -> None:
    await finish(store, await add_run(store))
    assert await store.conversations.end("conv_1", now=LATER) is True
    assert await store.conversations.end("conv_1", now=LATER) is False
    assert await store.conversations.current("worker") is None
    with pytest.raises(RecordConflictError) as caught:
        await store.runs.accept(new_run(2, conversation_is_new=False), [])
    assert caught.value.code == "conversation_ended"
    with pytest.raises(RecordNotFoundError):
        await store.runs.accept(new_run(2, "other", conversation_is_new=False), [])
    assert await store.runs.of_conversation("conv_1") == ["run_1"]


async def test_conversations_come_newest_first_in_pages(store: Store) -> None:
    names = [f"conv_{number:02}" for number in range(7)]
    for number, name in enumerate(names):
        await add_run(store, number, name)
    found: list[str] = []
    before: str | None = None
    while page := await store.conversations.summaries(
        agent_id="worker", archived=None, before=before, limit=3
    ):
        found += [conversation.conversation_id for conversation in page]
        before = found[-1]
    assert found == names[::-1]
    assert (
        await store.conversations.summaries(agent_id="other", archived=None, before=None, limit=3)
        == []
    )


async def test_what_was_kept_is_there_after_opening_again(
    open_store: OpenStore, path: Path
) -> None:
    async with open_store(path) as store:
        await add_agent(store)
        await finish(store, await add_run(store), answer="hello", turn_id="turn_2")
        before = await store.runs.get("run_1")
    async with open_store(path) as store:
        assert await store.runs.get("run_1") == before
        turns = await store.conversations.turns("conv_1", after=0, limit=10)
        assert [(t.seq, t.content) for t in turns] == [(1, "prompt 1"), (2, "hello")]
        assert await store.conversations.turns("conv_1", after=1, limit=10) == turns[1:]
        assert await store.conversations.turns("conv_1", after=0, limit=1) == turns[:1]
