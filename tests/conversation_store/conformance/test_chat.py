"""What a chat shows of conversations: titles, lists, pages, settings of a prompt, usage."""

from __future__ import annotations

import pytest

from conversation_store.errors import RecordNotFoundError
from conversation_store.interfaces import Store
from conversation_store.records import (
    About,
    ConversationRecord,
    NewRun,
    RunOutcome,
)
from conversation_store.states import RunState
from tests.helpers.rows import LATER, NOW, add_agent, add_run, event, move, new_run

pytestmark = pytest.mark.anyio


def conversation(number: int, agent: str = "worker", **fields: object) -> ConversationRecord:
    given = {
        "conversation_id": f"conv_{number}",
        "agent_id": agent,
        "state": "open",
        "session_id": None,
        "last_event_seq": 0,
        "last_turn_seq": 0,
        "created_at": NOW,
        "updated_at": NOW,
        "session_at": None,
    }
    return ConversationRecord(**{**given, **fields})  # type: ignore[arg-type]


async def finish(store: Store, run: NewRun, **fields: object) -> None:
    outcome = RunOutcome(**{"state": RunState.SUCCEEDED, **fields})  # type: ignore[arg-type]
    assert await store.runs.finish(run.run_id, outcome, [event()], now=LATER) is not None


async def test_what_is_told_of_an_agent_is_kept_until_it_is_told_anew(store: Store) -> None:
    about = About(name="The helper", description="does things", metadata={"team": ["a", 1]})
    await store.agents.add(
        "other", agent_type="custom", comm_mode="tmux", options={}, now=NOW, about=about
    )
    agent = await store.agents.change("other", comm_mode="headless", options={"a": 1}, now=LATER)
    assert (agent.name, agent.description, agent.metadata) == (
        about.name,
        about.description,
        about.metadata,
    )
    agent = await store.agents.change(
        "other", comm_mode="headless", options={}, now=LATER, about=About()
    )
    assert (agent.name, agent.description, agent.metadata) == (None, None, {})
    await store.agents.delete("other", now=LATER)
    again = await store.agents.add(
        "other", agent_type="custom", comm_mode="tmux", options={}, now=NOW
    )
    assert again.metadata == {}


async def test_activity_is_the_newest_of_all_conversations(store: Store) -> None:
    await add_agent(store, "other")
    first = await add_run(store, 1, "conv_1")
    await finish(store, first, answer="done", turn_id="turn_9")
    await store.conversations.create(conversation(2))
    activity = await store.agents.activity()
    assert activity["worker"].last_activity_at == LATER
    assert activity["worker"].pending_approvals == 0
    assert activity["other"].last_activity_at is None


async def test_a_title_comes_from_the_first_prompt_and_then_from_people(store: Store) -> None:
    await store.runs.accept(new_run(title="first words"), [])
    second = new_run(2, conversation_is_new=False, title="other words")
    await store.runs.accept(second, [])
    assert (await store.conversations.get("conv_1")).title == "first words"
    changed = await store.conversations.change(
        "conv_1", title="Mine", archived=True, metadata={"pinned": True}, now=LATER
    )
    assert (changed.title, changed.archived, changed.metadata) == ("Mine", True, {"pinned": True})
    assert await store.conversations.get("conv_1") == changed
    with pytest.raises(RecordNotFoundError) as caught:
        await store.conversations.change("conv_9", title=None, archived=False, metadata={}, now=NOW)
    assert caught.value.code == "conversation_not_found"


async def test_several_conversations_of_an_agent_are_open_at_once(store: Store) -> None:
    await store.conversations.create(conversation(1))
    await store.conversations.create(conversation(2, title="Named"))
    assert await store.conversations.current_id("worker") == "conv_2"
    run = new_run(1, "conv_1", conversation_is_new=False, title="from the prompt")
    await store.runs.accept(run, [])
    assert (await store.conversations.get("conv_1")).title == "from the prompt"
    run = new_run(2, "conv_2", conversation_is_new=False, title="from the prompt")
    await store.runs.accept(run, [])
    assert (await store.conversations.get("conv_2")).title == "Named"
    with pytest.raises(RecordNotFoundError) as caught:
        await store.conversations.create(conversation(3, "nobody"))
    assert caught.value.code == "agent_not_found"


async def test_a_list_shows_how_each_conversation_ends(store: Store) -> None:
    await add_agent(store, "other")
    run = await add_run(store, 1, "conv_1")
    await finish(store, run, answer="long " * 100, turn_id="turn_9")
    await store.conversations.create(conversation(2))
    await add_run(store, 3, "conv_3")
    await store.conversations.create(conversation(4, "other"))
    await store.conversations.change("conv_3", title="x", archived=True, metadata={}, now=NOW)

    async def listed(agent: str | None, archived: bool | None) -> list[str]:
        found = await store.conversations.summaries(
            agent_id=agent, archived=archived, before=None, limit=9
        )
        return [one.conversation_id for one in found]

    assert await listed(None, None) == ["conv_4", "conv_3", "conv_2", "conv_1"]
    assert await listed("worker", False) == ["conv_2", "conv_1"]
    assert await listed("worker", True) == ["conv_3"]
    empty, first = await store.conversations.summaries(
        agent_id="worker", archived=False, before=None, limit=9
    )
    assert (empty.last_turn, empty.run_count) == (None, 0)
    assert first.last_turn is not None
    assert first.last_turn.role == "assistant"
    assert first.last_turn.beginning == ("long " * 100)[:200]
    assert (first.run_count, first.last_turn_seq) == (1, 2)


async def test_turns_are_paged_both_ways(store: Store) -> None:
    for number in range(1, 8):
        run = new_run(number, conversation_is_new=number == 1)
        await store.runs.accept(run, [])
        await finish(store, run)

    async def before(seq: int, limit: int = 3) -> list[int]:
        turns = await store.conversations.turns_before("conv_1", before=seq, limit=limit)
        return [turn.seq for turn in turns]

    assert await before(2**62) == [5, 6, 7]
    assert await before(5) == [2, 3, 4]
    assert await before(2) == [1]
    assert await before(1) == []


async def test_the_prompt_of_a_run_that_waits_can_be_another(store: Store) -> None:
    await add_run(store)
    stored = await store.runs.edit("run_1", "better", [event("edited")])
    assert stored is not None
    (turn,) = await store.conversations.turns_of_run("run_1")
    assert turn.content == "better"
    await store.runs.move(move(RunState.STARTING))
    assert await store.runs.edit("run_1", "too late", [event()]) is None
    (turn,) = await store.conversations.turns_of_run("run_1")
    assert turn.content == "better"


async def test_waiting_runs_change_their_order_for_good(store: Store) -> None:
    for number in range(1, 5):
        await store.runs.accept(new_run(number, conversation_is_new=number == 1), [])
    await store.runs.move(move(RunState.STARTING, run="run_1"))
    assert await store.runs.reorder("worker", ["run_4", "run_2", "run_3"])
    assert [run.run_id for run in await store.runs.open_runs()] == [
        "run_1",
        "run_4",
        "run_2",
        "run_3",
    ]
    for wrong in (["run_4", "run_2"], ["run_1", "run_4", "run_2", "run_3"], ["run_2"] * 3):
        assert not await store.runs.reorder("worker", wrong)
    await store.runs.accept(new_run(5, conversation_is_new=False), [])
    assert (await store.runs.open_runs())[-1].run_id == "run_5"


async def test_what_holds_for_one_run_is_kept_with_it(store: Store) -> None:
    overrides = {"model": "other", "permissionMode": "plan"}
    run = new_run(overrides=overrides)
    await store.runs.accept(run, [])
    assert (await store.runs.get("run_1")).overrides == overrides
    await finish(store, run, model="other")
    assert (await store.runs.get("run_1")).model == "other"


async def test_usage_is_summed_and_what_is_unknown_stays_so(store: Store) -> None:
    await add_agent(store, "other")
    known = new_run(1)
    await store.runs.accept(known, [])
    usage = {"inputTokens": 10, "outputTokens": 5, "cacheReadTokens": 1}
    await finish(store, known, usage=usage, cost_usd=0.25, model="m")
    await store.runs.accept(half := new_run(2, conversation_is_new=False), [])
    await finish(store, half, usage={"inputTokens": 7})
    await store.runs.accept(silent := new_run(3, "conv_3", agent_id="other"), [])
    await finish(store, silent)

    worker, other = sorted(
        await store.runs.usage("agent", since="", agent_id=None), key=lambda one: one.key == "other"
    )
    assert (worker.key, worker.runs, worker.told, worker.priced) == ("worker", 2, 2, 1)
    assert (worker.input_tokens, worker.output_tokens, worker.cost_usd) == (17, 5, 0.25)
    assert (other.runs, other.told, other.input_tokens, other.cost_usd) == (1, 0, None, None)
    by_model = await store.runs.usage("model", since="", agent_id="worker")
    assert {one.key: one.runs for one in by_model} == {None: 1, "m": 1}
    (day,) = await store.runs.usage("day", since="", agent_id=None)
    assert (day.key, day.runs) == (NOW[:10], 3)
    assert await store.runs.usage("conversation", since=LATER, agent_id=None) == []
