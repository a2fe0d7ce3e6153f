"""The channel: store first, then publish; no gap and no duplicate wherever a reader joins."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from agent_runner.api.streams import framed
from agent_runner.bus.bus import Bus
from agent_runner.bus.channel import (
    LARGE_EVENT,
    MAX_PENDING_EVENTS,
    Batch,
    Channel,
    JointCommit,
)
from agent_runner.bus.observers import Observers
from agent_runner.bus.open_items import MAX_OPEN_TEXT
from agent_runner.bus.subscriber import MAX_QUEUED_BYTES
from agent_runner.events.base import AgentEvent
from agent_runner.events.envelope import Envelope, Snapshot, Stored, Streamed
from agent_runner.events.message import MessageCompleted, MessageDelta
from agent_runner.events.notice import Notice
from agent_runner.events.run import RunFinished
from agent_runner.events.tool import ToolInputDelta, ToolStarted
from agent_runner.streams.base import Dialect
from agent_runner.streams.native import Native
from conversation_store.errors import StoreUnusableError
from conversation_store.records import NewEvent, RunOutcome, StoredEvent
from conversation_store.sqlite.store import Store, open_store
from conversation_store.states import RunState
from tests.helpers.rows import (
    LATER,
    NOW,
    add_agent,
    add_run,
    event,
    events_of,
    move,
    new_run,
)

pytestmark = pytest.mark.anyio

RUN = "run_1"
END = RunFinished(state="succeeded", success=True, duration_ms=1)


@dataclass
class House:
    """A store with one conversation, and the bus over it."""

    store: Store
    bus: Bus
    channel: Channel


@asynccontextmanager
async def house(path: Path) -> AsyncIterator[House]:
    async with open_store(path / "new.db") as store:
        await add_agent(store)
        await add_run(store)
        async with anyio.create_task_group() as tasks:
            bus = Bus(store, tasks)
            yield House(store, bus, await bus.channel("conv_1"))
            await bus.close()


def parsed(piece: bytes) -> list[tuple[int | None, dict[str, Any]]]:
    """(seq or None, event) of each frame in `piece`."""
    found = []
    for block in piece.split(b"\n\n")[:-1]:
        lines = dict(line.split(b": ", 1) for line in block.split(b"\n"))
        data = json.loads(lines[b"data"])
        assert lines[b"event"].decode() == data["type"]
        seq = int(lines[b"id"]) if b"id" in lines else None
        assert data.get("seq") == seq
        found.append((seq, data))
    return found


def native(
    channel: Channel,
    envelopes: AsyncGenerator[Sequence[Envelope], None],
    arguments: Mapping[str, Any],
) -> AsyncGenerator[bytes, None]:
    """The envelopes as bytes: the stream of a run ends with it."""
    return framed(channel, envelopes, Native(arguments.get("run_id")))


@asynccontextmanager
async def listening(channel: Channel, **arguments: Any) -> AsyncIterator[AsyncIterator[bytes]]:
    """What a reader gets, put together to whole frames: a large one comes in pieces."""

    async def frames() -> AsyncIterator[bytes]:
        held = b""
        async for piece in pieces:
            held += piece
            if held.endswith(b"\n\n"):
                yield held
                held = b""
        assert held == b""

    async with aclosing(native(channel, channel.subscribe(**arguments), arguments)) as pieces:
        yield frames()


async def read(
    channel: Channel, until: int, *, after: int = 0, pace: random.Random | None = None, **more: Any
) -> list[tuple[int | None, dict[str, Any]]]:
    """Frames up to the durable event `until`."""
    got: list[tuple[int | None, dict[str, Any]]] = []
    async with listening(channel, after=after, **more) as frames:
        async for piece in frames:
            got += parsed(piece)
            if got and max((seq or 0 for seq, _ in got), default=0) >= until:
                break
            while pace is not None and pace.random() < 0.5:
                await anyio.lowlevel.checkpoint()
    return got


def notes(*codes: object) -> list[AgentEvent]:
    return [Notice(code=str(code)) for code in codes]


def jointly(store: Store, own: Sequence[tuple[str | None, NewEvent]]) -> JointCommit:
    """Stores what it is given and then its own."""
    return lambda before: store.events.append("conv_1", [*before, *own])


async def settled(channel: Channel) -> None:
    """All that was emitted is stored and published."""

    async def nothing() -> list[StoredEvent]:
        return []

    await channel.commit(nothing)


@pytest.mark.parametrize("seed", range(12))
async def test_wherever_readers_join_they_miss_nothing_and_see_nothing_twice(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    total = 120
    async with house(tmp_path) as h:
        results: list[tuple[int, list[int]]] = []

        async def write() -> None:
            left = total
            while left:
                count = min(left, chance.randint(1, 6))
                events = notes(*range(count))
                if chance.random() < 0.5:
                    events.insert(0, MessageDelta(item_id="m", text="x"))
                if chance.random() < 0.3:
                    for _ in range(chance.randint(0, 8)):
                        await anyio.lowlevel.checkpoint()
                if chance.random() < 0.3:
                    new = [(RUN, event(str(n))) for n in range(count)]
                    if chance.random() < 0.5:
                        await h.channel.commit(partial(h.store.events.append, "conv_1", new))
                    else:
                        await h.channel.commit_jointly(jointly(h.store, new))
                else:
                    await h.channel.emit(RUN, events)
                left -= count

        async def listen(after: int, delay: int) -> None:
            for _ in range(delay):
                await anyio.lowlevel.checkpoint()
            got = await read(h.channel, total, after=after, pace=random.Random(delay))
            results.append((after, [seq for seq, _ in got if seq is not None]))

        async with anyio.create_task_group() as tasks:
            for _ in range(15):
                tasks.start_soon(listen, chance.choice([0, 0, 1, 7, 60]), chance.randint(0, 120))
            tasks.start_soon(write)
        assert len(results) == 15
        for after, seqs in results:
            assert seqs == list(range(after + 1, total + 1))


async def test_a_listener_never_sees_what_the_store_does_not_have(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        seen = 0

        async def listen() -> None:
            nonlocal seen
            async with listening(h.channel, after=0) as frames:
                async for piece in frames:
                    for seq, data in parsed(piece):
                        if seq is None:
                            continue
                        pieces = h.store.events.pieces("conv_1", seq, start=0)
                        stored = b"".join([piece async for piece in pieces])
                        assert json.loads(stored)["code"] == data["code"]
                        seen = seq
                    if seen == 100:
                        return

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen)
            for number in range(100):
                await h.channel.emit(RUN, notes(number))
        assert seen == 100


async def test_order_is_kept_between_streamed_and_stored(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        events: list[AgentEvent] = []
        for number in range(50):
            events += [MessageDelta(item_id=f"m{number}", text=str(number))]
            events += [MessageCompleted(item_id=f"m{number}", text=str(number))]
        got: list[tuple[int | None, dict[str, Any]]] = []

        async def listen() -> None:
            got.extend(await read(h.channel, 50))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen)
            await anyio.wait_all_tasks_blocked()
            for start in range(0, 100, 3):
                await h.channel.emit(RUN, events[start : start + 3])
        assert [data["itemId"] for _, data in got] == [
            f"m{number}" for number in range(50) for _ in range(2)
        ]
        assert [data["type"] for _, data in got] == ["message.delta", "message.completed"] * 50


async def test_live_frames_are_the_replayed_frames(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        live: list[bytes] = []

        async def listen() -> None:
            async with listening(h.channel, after=0, run_id=RUN) as frames:
                live.extend([piece async for piece in frames])

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen)
            await anyio.wait_all_tasks_blocked()
            await h.channel.emit(RUN, notes("\u2028", "ü", "x" * (2 * LARGE_EVENT), "end"))
            await h.channel.emit(RUN, [END])
        replay = h.channel.replay(after=0, run_id=RUN)
        async with aclosing(native(h.channel, replay, {"run_id": RUN})) as frames:
            replayed = [piece async for piece in frames]
        assert b"".join(live) == b"".join(replayed)


async def test_a_reader_of_one_run_gets_that_run_to_its_end(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await add_run_2(h.store)
        await h.channel.emit(RUN, notes("before"))
        await settled(h.channel)
        got: list[bytes] = []

        async def listen() -> None:
            async with listening(h.channel, after=0, run_id=RUN) as frames:
                got.extend([piece async for piece in frames])

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen)
            await anyio.wait_all_tasks_blocked()
            await h.channel.emit("run_2", [*notes("other"), MessageDelta(item_id="o", text="o")])
            await h.channel.emit("run_2", [END])
            await h.channel.emit(RUN, [*notes("mine"), END, *notes("after the end")])
        frames = parsed(b"".join(got))
        assert {data["runId"] for _, data in frames} == {RUN}
        assert [data.get("code") for _, data in frames] == ["before", "mine", None]
        again = native(h.channel, h.channel.subscribe(after=0, run_id=RUN), {"run_id": RUN})
        with anyio.fail_after(20):
            types = [d["type"] async for piece in again for _, d in parsed(piece)]
        assert "run.finished" in types


async def add_run_2(store: Store) -> None:
    await store.runs.accept(new_run(2, conversation_is_new=False), [])


async def test_who_joins_in_the_middle_gets_what_is_open(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await h.channel.emit(RUN, notes("first"))
        await h.channel.emit(
            RUN,
            [
                MessageDelta(item_id="closed", text="gone"),
                MessageDelta(item_id="open", text="Hel"),
                ToolInputDelta(tool_call_id="t", name="Bash", json='{"a'),
                MessageDelta(item_id="open", text="lo"),
                MessageCompleted(item_id="closed", text="gone"),
            ],
        )
        await settled(h.channel)
        got: list[dict[str, Any]] = []

        async def listen() -> None:
            got.extend(data for _, data in await read(h.channel, 3))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen)
            await anyio.wait_all_tasks_blocked()
            await h.channel.emit(RUN, [MessageDelta(item_id="open", text=" world")])
            await h.channel.emit(RUN, [MessageCompleted(item_id="open", text="Hello world")])
        assert [data["type"] for data in got] == [
            "notice",
            "message.completed",
            "item.snapshot",
            "item.snapshot",
            "message.delta",
            "message.completed",
        ]
        snapshots = {d["itemId"]: d["text"] for d in got if d["type"] == "item.snapshot"}
        assert snapshots == {"open": "Hello", "t": '{"a'}
        await h.channel.emit(
            RUN, [ToolStarted(tool_call_id="t", name="Bash", input={}), *notes("last")]
        )
        await settled(h.channel)
        types = [data["type"] for _, data in await read(h.channel, 5)]
        assert "item.snapshot" not in types, "nothing is open any more"


async def test_the_end_of_a_run_closes_its_items(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await h.channel.emit(RUN, [MessageDelta(item_id="open", text="cut"), END])
        await settled(h.channel)
        assert [data["type"] for _, data in await read(h.channel, 1)] == ["run.finished"]


async def test_a_reader_too_far_behind_is_closed_and_resumes(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        size = LARGE_EVENT // 2
        count = 3 * MAX_QUEUED_BYTES // size
        got: list[int] = []
        async with listening(h.channel, after=0) as frames:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(h.channel.emit, RUN, notes("first"))
                got += [seq for seq, _ in parsed(await anext(frames)) if seq]
            await h.channel.emit(RUN, notes(*("x" * size for _ in range(count))))
            await settled(h.channel)
            with anyio.fail_after(20):
                rest = [seq async for piece in frames for seq, _ in parsed(piece) if seq]
        got += rest
        assert len(got) < count + 1, "it was cut off"
        resumed = await read(h.channel, count + 1, after=got[-1])
        got += [seq for seq, _ in resumed if seq is not None]
        assert got == list(range(1, count + 2))


async def test_large_events_wait_in_the_store_not_in_memory(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        count = 2 * MAX_QUEUED_BYTES // (4 * LARGE_EVENT)
        async with listening(h.channel, after=0) as frames:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(h.channel.emit, RUN, notes("first"))
                await anext(frames)
            await h.channel.emit(RUN, notes(*("x" * 4 * LARGE_EVENT for _ in range(count))))
            await settled(h.channel)
            seqs: list[int] = []
            while len(seqs) < count:
                seqs += [seq for seq, _ in parsed(await anext(frames)) if seq]
        assert seqs == list(range(2, count + 2)), "all came, though more than a queue holds"


class BrokenError(Exception):
    """What the store raises in the next test."""


async def test_events_that_cannot_be_kept_are_their_runs_trouble_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path) as h:
        await add_run_2(h.store)
        seen: list[bytes] = []

        async def listen() -> None:
            async with listening(h.channel, after=0) as frames:
                seen.extend([piece async for piece in frames])

        async def fail(_: str, batch: Sequence[tuple[str | None, NewEvent]]) -> list[StoredEvent]:
            raise BrokenError

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen)
            await anyio.wait_all_tasks_blocked()
            with monkeypatch.context() as patched:
                patched.setattr(h.store.events, "append", fail)
                await h.channel.emit(RUN, notes("lost"))
                await anyio.wait_all_tasks_blocked()
            assert seen == [], "what is not stored is not published"
            with pytest.raises(BrokenError):
                await h.channel.emit(RUN, notes("next"))
            assert (h.channel.lost(RUN), h.channel.lost("run_2")) == (True, False)
            await h.channel.emit("run_2", notes("kept"))
            await settled(h.channel)
            end = [(RUN, event("end", "run.finished"))]
            await h.channel.commit(partial(h.store.events.append, "conv_1", end))
            assert not h.channel.lost(RUN)
            tasks.cancel_scope.cancel()
        stored = [(e.seq, e.run_id, e.type) for e in await events_of(h.store, "conv_1")]
        assert stored == [(1, "run_2", "notice"), (2, RUN, "run.finished")]


async def test_a_joint_commit_stores_what_was_emitted_before_it_in_one_transaction(
    tmp_path: Path,
) -> None:
    async with house(tmp_path) as h:
        batches: list[int] = []
        got: list[tuple[int | None, str]] = []
        append = h.store.events.append

        async def counted(conversation: str, batch: Batch) -> list[StoredEvent]:
            batches.append(len(batch))
            return await append(conversation, batch)

        h.store.events.append = counted  # type: ignore[method-assign,assignment]
        held = anyio.Event()

        async def first() -> list[StoredEvent]:
            await held.wait()
            return []

        async def listen() -> None:
            got.extend((seq, frame["type"]) for seq, frame in await read(h.channel, 3))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen)
            tasks.start_soon(h.channel.commit, first)
            await anyio.wait_all_tasks_blocked()
            await h.channel.emit(RUN, [*notes("one"), MessageDelta(item_id="m", text="x")])
            await h.channel.emit(None, notes("two"))
            own: Batch = [(RUN, event("end", "run.finished"))]
            tasks.start_soon(h.channel.commit_jointly, jointly(h.store, own))
            await anyio.wait_all_tasks_blocked()
            held.set()
        assert batches == [3]
        assert got == [(1, "notice"), (None, "message.delta"), (2, "notice"), (3, "run.finished")]


async def test_a_run_that_is_over_at_once_begins_in_the_commit_of_its_end(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        begun = move(RunState.STARTING, RunState.RUNNING, form="warm")
        await h.channel.emit(RUN, notes("one"), hold=True, move=begun)
        outcome = RunOutcome(state=RunState.SUCCEEDED, form="warm")
        end = [event("end", "run.finished")]
        assert await h.channel.commit_jointly(
            lambda before: h.store.runs.finish(
                RUN, outcome, end, now=LATER, started_at=NOW, before=before
            )
        )
        record = await h.store.runs.get(RUN)
        assert (record.state, record.form) == (RunState.SUCCEEDED, "warm")
        assert (record.started_at, record.finished_at) == (NOW, LATER)
        assert [e.type for e in await events_of(h.store, "conv_1")] == ["notice", "run.finished"]


async def test_a_begin_that_nothing_follows_is_stored_by_itself(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        begun = move(RunState.STARTING, RunState.RUNNING)
        await h.channel.emit(RUN, notes("one"), hold=True, move=begun)
        with anyio.fail_after(10):
            while (await h.store.runs.get(RUN)).state is not RunState.RUNNING:
                await anyio.sleep(0.001)
        assert [e.type for e in await events_of(h.store, "conv_1")] == ["notice"]


async def test_the_last_events_of_a_run_wait_for_its_end(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await h.channel.emit(RUN, notes("one"), hold=True)
        await anyio.wait_all_tasks_blocked()
        assert h.channel.last_seq == 0, "held"
        end = [(RUN, event("end", "run.finished"))]
        await h.channel.commit_jointly(jointly(h.store, end))
        assert [e.type for e in await events_of(h.store, "conv_1")] == ["notice", "run.finished"]


async def test_an_end_that_does_not_come_keeps_no_event(tmp_path: Path) -> None:
    async with house(tmp_path) as h, anyio.create_task_group() as tasks:
        got: list[int | None] = []

        async def listen(until: int) -> None:
            got.extend(seq for seq, _ in await read(h.channel, until, after=until - 1))

        tasks.start_soon(listen, 1)
        await h.channel.emit(RUN, notes("one"), hold=True)
        with anyio.fail_after(10):
            while not got:
                await anyio.sleep(0.001)
        tasks.start_soon(listen, 3)
        await h.channel.emit(RUN, notes("two"), hold=True)
        await h.channel.emit(RUN, notes("three"))
        with anyio.fail_after(10):
            while len(got) < 2:
                await anyio.sleep(0.001)


async def test_a_joint_commit_that_does_not_apply_loses_nothing(tmp_path: Path) -> None:
    async with house(tmp_path) as h:

        async def refused(before: Batch) -> None:
            assert len(before) == 1

        async with anyio.create_task_group() as tasks:
            # Emitted in the step of the commit: nothing has begun to write it.
            tasks.start_soon(h.channel.emit, RUN, notes("one"))
            tasks.start_soon(h.channel.commit_jointly, refused)
        assert [e.type for e in await events_of(h.store, "conv_1")] == ["notice"]
        assert h.channel.last_seq == 1


async def test_a_joint_commit_that_fails_is_told_to_the_run(tmp_path: Path) -> None:
    async with house(tmp_path) as h:

        async def broken(before: Batch) -> None:
            raise BrokenError

        async def commit() -> None:
            with pytest.raises(BrokenError):
                await h.channel.commit_jointly(broken)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(h.channel.emit, RUN, notes("one"))
            tasks.start_soon(commit)
        assert h.channel.lost(RUN)
        assert await events_of(h.store, "conv_1") == []


async def test_a_commit_that_does_not_apply_publishes_nothing(tmp_path: Path) -> None:
    async with house(tmp_path) as h:

        async def refused() -> None:
            return None

        assert await h.channel.commit(refused) is False
        assert h.channel.last_seq == 0


async def test_closing_the_bus_ends_every_stream(tmp_path: Path) -> None:
    async with house(tmp_path) as h, anyio.create_task_group() as tasks:
        await h.channel.emit(RUN, notes("one"))
        await settled(h.channel)
        ended: list[int] = []

        async def listen() -> None:
            ended.append(len(await read(h.channel, 99)))

        for _ in range(5):
            tasks.start_soon(listen)
        await anyio.wait_all_tasks_blocked()
        await h.bus.close()
        with anyio.fail_after(20):
            while len(ended) < 5:
                await anyio.lowlevel.checkpoint()
        assert ended == [1] * 5


async def test_a_conversation_has_one_channel_as_long_as_it_is_held(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        assert await h.bus.channel("conv_1") is h.channel
        await h.channel.emit(RUN, notes("one"))
        await settled(h.channel)
        del h.channel
        assert (await h.bus.channel("conv_1")).last_seq == 1


async def test_what_is_emitted_while_a_commit_is_under_way_comes_after_it(tmp_path: Path) -> None:
    """A warm CLI may answer before the run's start is stored; its deltas still come later."""
    begun, go_on = anyio.Event(), anyio.Event()
    async with house(tmp_path) as h:

        async def slow() -> list[StoredEvent]:
            begun.set()
            await go_on.wait()
            notice = NewEvent("notice", "t", b'{"type":"notice","code":"first"}')
            return await h.store.events.append("conv_1", [(RUN, notice)])

        got: list[str] = []
        async with listening(h.channel, after=h.channel.last_seq) as frames:

            async def reader() -> None:
                async for frame in frames:
                    got.extend(data["type"] for _, data in parsed(frame))
                    if len(got) >= 2:
                        return

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(reader)
                await anyio.wait_all_tasks_blocked()
                tasks.start_soon(h.channel.commit, slow)
                await begun.wait()
                await h.channel.emit(RUN, [MessageDelta(item_id="m", text="second")])
                go_on.set()
        assert got == ["notice", "message.delta"]


async def test_a_commit_that_waits_has_its_place_between_what_is_emitted(tmp_path: Path) -> None:
    """A CLI that answers at once says nothing before the start of its run, busy as things are."""
    begun, go_on = anyio.Event(), anyio.Event()
    async with house(tmp_path) as h:

        async def add(code: str) -> list[StoredEvent]:
            begun.set()
            await go_on.wait()
            notice = NewEvent("notice", "t", f'{{"type":"notice","code":"{code}"}}'.encode())
            return await h.store.events.append("conv_1", [(RUN, notice)])

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(h.channel.commit, partial(add, "first"))
            await begun.wait()
            await h.channel.emit(RUN, notes("second", "third"))
            tasks.start_soon(h.channel.commit, partial(add, "fourth"))
            await anyio.wait_all_tasks_blocked()
            await h.channel.emit(RUN, notes("fifth"))
            tasks.start_soon(h.channel.commit, partial(add, "sixth"))
            go_on.set()
        stored = await events_of(h.store, "conv_1")
        told = [json.loads(event.payload)["code"] for event in stored]
        assert told == ["first", "second", "third", "fourth", "fifth", "sixth"]


async def test_a_burst_of_deltas_is_replaced_by_a_snapshot(tmp_path: Path) -> None:
    """More text than a queue holds, before the reader takes any, costs it no event."""
    piece = "x" * 5000
    count = 3 * MAX_QUEUED_BYTES // len(piece)
    async with house(tmp_path) as h:
        got: list[tuple[int | None, dict[str, Any]]] = []
        async with listening(h.channel, after=h.channel.last_seq, run_id=RUN) as f:

            async def reader() -> None:
                async for frame in f:
                    got.extend(parsed(frame))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(reader)
                await anyio.wait_all_tasks_blocked()
                for _ in range(count):
                    await h.channel.emit(RUN, [MessageDelta(item_id="m", text=piece)])
                await anyio.wait_all_tasks_blocked()
                await h.channel.emit(RUN, [MessageDelta(item_id="m", text="last")])
                await anyio.wait_all_tasks_blocked()
                await h.channel.emit(RUN, [MessageCompleted(item_id="m", text="whole"), END])
        text = ""
        for _, data in got:
            if data["type"] == "item.snapshot":
                text = data["text"]
            elif data["type"] == "message.delta":
                text += data["text"]
        assert text == piece * count + "last"
        assert [data["type"] for seq, data in got if seq is not None] == [
            "message.completed",
            "run.finished",
        ]


async def test_the_snapshots_of_endless_items_are_bounded(tmp_path: Path) -> None:
    """A CLI that never completes what it begins costs the service no more than that."""
    piece = "x" * (1 << 20)
    async with house(tmp_path) as h:
        for number in range(12):
            await h.channel.emit(RUN, [MessageDelta(item_id="endless", text=piece)])
            await h.channel.emit(RUN, [MessageDelta(item_id=f"m{number}", text=piece)])
        for number in range(20_000):
            await h.channel.emit(RUN, [MessageDelta(item_id=f"small{number}", text="y")])
        got: list[dict[str, Any]] = []
        async with listening(h.channel, after=h.channel.last_seq, run_id=RUN) as f:

            async def reader() -> None:
                async for frame in f:
                    got.extend(data for _, data in parsed(frame))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(reader)
                await anyio.wait_all_tasks_blocked()
                done = [MessageCompleted(item_id="endless", text="whole"), END]
                await h.channel.emit(RUN, done)
        snapshots = {d["itemId"]: d for d in got if d["type"] == "item.snapshot"}
        assert snapshots["endless"]["cut"] is True
        assert "cut" not in snapshots["m0"]
        assert set(snapshots["endless"]["text"]) == {"x"}
        assert sum(len(d["text"]) + 512 for d in snapshots.values()) <= MAX_OPEN_TEXT
        assert [d["type"] for d in got[-2:]] == ["message.completed", "run.finished"]

        await h.channel.emit(RUN, [MessageDelta(item_id="next", text="room again")])
        async with listening(h.channel, after=h.channel.last_seq) as frames:
            ((_, data),) = parsed(await anext(frames))
        assert (data["itemId"], data["text"]) == ("next", "room again")


async def test_all_who_wait_for_room_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, going_on = anyio.Event(), list[str]()
    async with house(tmp_path) as h:
        append = h.store.events.append

        async def slowly(*arguments: Any) -> list[StoredEvent]:
            await gate.wait()
            return await append(*arguments)

        async def emit(name: str, count: int) -> None:
            await h.channel.emit(RUN, notes(*range(count)))
            going_on.append(name)

        monkeypatch.setattr(h.store.events, "append", slowly)
        await h.channel.emit(RUN, notes("first"))
        async with anyio.create_task_group() as tasks:
            for name, count in (("reader", MAX_PENDING_EVENTS + 1), ("watchdog", 1)):
                tasks.start_soon(emit, name, count)
                await anyio.wait_all_tasks_blocked()
            assert going_on == []
            gate.set()
            with anyio.fail_after(20):
                while len(going_on) < 2:
                    await anyio.sleep(0.005)


async def test_what_comes_while_a_write_fails_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = anyio.Event()
    async with house(tmp_path) as h:
        append = h.store.events.append

        async def fails_once(*_: Any) -> list[StoredEvent]:
            monkeypatch.setattr(h.store.events, "append", append)
            await gate.wait()
            raise StoreUnusableError("database_unwritable", "the disk does not work")

        monkeypatch.setattr(h.store.events, "append", fails_once)
        await h.channel.emit(RUN, notes("lost"))
        await anyio.wait_all_tasks_blocked()
        await h.channel.emit(None, notes("kept"))
        gate.set()
        with anyio.fail_after(20):
            while h.channel.last_seq == 0:
                await anyio.sleep(0.005)
        assert h.channel.lost(RUN)
        await h.channel.emit(None, notes("later"))
        await settled(h.channel)
        assert h.channel.last_seq == 2


async def test_an_observer_gets_what_it_asked_for_and_harms_nobody(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        seen: list[tuple[int, str]] = []

        def fails(envelope: Stored) -> None:
            raise OSError("no room")

        def takes(envelope: Stored) -> None:
            assert isinstance(envelope.event, Notice)
            seen.append((envelope.seq, envelope.event.code))

        h.bus.observers.observe(fails, Notice)
        h.bus.observers.observe(takes, Notice)
        await h.channel.emit(RUN, [*notes("one"), MessageCompleted(item_id="m", text="x")])
        await h.channel.emit(RUN, notes("x" * (2 * LARGE_EVENT)))
        await settled(h.channel)
        assert [seq for seq, _ in seen] == [1, 3]
        assert [len(code) for _, code in seen] == [3, 2 * LARGE_EVENT]
        assert len(await read(h.channel, 3)) == 3


async def test_an_observer_that_takes_its_time_holds_nothing_up(tmp_path: Path) -> None:
    async with house(tmp_path) as h, anyio.create_task_group() as tasks:
        h.bus.observers.observe(lambda _: tasks.start_soon(anyio.sleep_forever), Notice)
        with anyio.fail_after(20):
            await h.channel.emit(RUN, notes(*range(100)))
            await settled(h.channel)
            assert len(await read(h.channel, 100)) == 100
        tasks.cancel_scope.cancel()


async def test_what_is_announced_reaches_those_who_asked_for_its_class() -> None:
    observers, seen = Observers(), list[object]()
    observers.observe_announced(seen.append, int)
    observers.announce("a text")
    observers.announce(7)
    assert seen == [7]


async def test_an_observer_of_pieces_gets_them_though_nobody_listens(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        seen: list[str] = []

        def takes(envelope: Streamed) -> None:
            assert isinstance(envelope.event, MessageDelta)
            seen.append(envelope.event.text)

        await h.channel.emit(RUN, [MessageDelta(item_id="m", text="unseen")])
        h.bus.observers.observe(takes, MessageDelta)
        await h.channel.emit(RUN, [MessageDelta(item_id="m", text="a"), *notes("b")])
        await settled(h.channel)
        assert seen == ["a"]


class Letters(Dialect):
    """Tells each event by the first letter of its type, whatever its size; ends with a notice."""

    name = "letters"
    media_type = "text/plain"

    def __init__(self, run_id: str | None = None) -> None:
        super().__init__(run_id)
        self.ends_after = frozenset(("notice",))

    def encode(self, envelope: Envelope) -> bytes:
        assert envelope.payload is not None
        return envelope.type[:1].encode() + b"%d " % (len(envelope.payload) > LARGE_EVENT)

    def snapshot(self, snapshot: Snapshot) -> bytes:
        return b"snapshot "


async def test_a_dialect_has_its_own_frames_snapshot_and_end(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        long = "x" * (2 * LARGE_EVENT)
        told: list[bytes] = []

        async def read_all() -> None:
            envelopes = h.channel.subscribe(after=0)
            told.extend([piece async for piece in framed(h.channel, envelopes, Letters())])

        await h.channel.emit(RUN, [ToolStarted(tool_call_id="t", name=long, input={})])
        await h.channel.emit(RUN, [MessageDelta(item_id="m", text="open")])
        await settled(h.channel)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read_all)
            await anyio.wait_all_tasks_blocked()
            await h.channel.emit(RUN, [MessageCompleted(item_id="m", text=long), *notes(1, 2)])
        assert b"".join(told) == b"t1 snapshot m1 n0 "
