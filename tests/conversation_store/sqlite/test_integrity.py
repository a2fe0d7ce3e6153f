"""Check and repair: what is wrong is found, what is provable is mended, and what goes is kept."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from conversation_store.errors import StoreCorruptError, StoreFullError, StoreUnusableError
from conversation_store.findings import FindingCode
from conversation_store.health import Fault
from conversation_store.records import RunOutcome, SearchQuery
from conversation_store.sqlite.faults import fault_of
from conversation_store.sqlite.integrity import backup as backup_module
from conversation_store.sqlite.integrity import quick
from conversation_store.sqlite.integrity.backups import backups, newest_good
from conversation_store.sqlite.integrity.integrity import Integrity
from conversation_store.sqlite.integrity.quick import quick_check
from conversation_store.sqlite.integrity.restore import restore
from conversation_store.sqlite.migrate import migrations
from conversation_store.sqlite.store import Store, open_store
from conversation_store.sqlite.wal import Wal
from conversation_store.states import RunState, StoreState
from tests.helpers.rows import (
    NOW,
    add_agent,
    event,
    events_of,
    new_run,
    plain,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    """Two conversations of two runs each, with events and turns."""
    async with open_store(path) as opened:
        await add_agent(opened)
        for number in range(4):
            run = new_run(number, f"conv_{number // 2}", conversation_is_new=number % 2 == 0)
            await opened.runs.accept(run, [event("queued"), event("started")])
            outcome = RunOutcome(
                state=RunState.SUCCEEDED, answer="done", turn_id=f"turn_end_{number}"
            )
            await opened.runs.finish(run.run_id, outcome, [event("finished")], now=NOW)
        yield opened


class RemovedRows:
    """What a repair gives away to be kept."""

    def __init__(self) -> None:
        self.things: list[dict[str, Any]] = []
        self.synced = False

    def keep(self, thing: dict[str, Any]) -> None:
        self.things.append(thing)

    def sync(self) -> None:
        self.synced = True


def harm(path: Path, *statements: str) -> None:
    with plain(path) as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute("PRAGMA ignore_check_constraints=ON")
        for statement in statements:
            connection.execute(statement)


DROP_EVENT = "DELETE FROM events WHERE conversation_id = 'conv_0' AND seq = 3"
HARMS: dict[str, tuple[list[str], set[tuple[FindingCode, str]], bool]] = {
    "nothing": ([], set(), True),
    "an event in the middle": ([DROP_EVENT], {(FindingCode.EVENT_GAP, "conv_0")}, False),
    "the first event": (
        ["DELETE FROM events WHERE conversation_id = 'conv_0' AND seq = 1"],
        {(FindingCode.EVENT_GAP, "conv_0")},
        False,
    ),
    "the last event": (
        ["DELETE FROM events WHERE conversation_id = 'conv_0' AND seq = 6"],
        {(FindingCode.EVENT_GAP, "conv_0")},
        False,
    ),
    "all events": (
        ["DELETE FROM events WHERE conversation_id = 'conv_1'"],
        {(FindingCode.EVENT_GAP, "conv_1")},
        False,
    ),
    "an old event counter": (
        ["UPDATE conversations SET last_event_seq = 4 WHERE conversation_id = 'conv_1'"],
        {(FindingCode.EVENT_COUNTER_BEHIND, "conv_1")},
        True,
    ),
    "an old turn counter": (
        ["UPDATE conversations SET last_turn_seq = 0"],
        {(FindingCode.TURN_COUNTER_BEHIND, f"conv_{n}") for n in range(2)},
        True,
    ),
    "a turn in the middle": (
        [
            "DELETE FROM turns WHERE conversation_id = 'conv_0' AND seq = 2",
            "DELETE FROM searched_turns WHERE turn_id NOT IN (SELECT turn_id FROM turns)",
        ],
        {(FindingCode.TURN_GAP, "conv_0"), (FindingCode.BROKEN_REFERENCE, "turns row 3")},
        False,
    ),
    "a turn without its words": (
        ["DELETE FROM searched_turns"],
        {(FindingCode.SEARCH_INCOMPLETE, "turns")},
        True,
    ),
    "words without their turn": (
        [
            "INSERT INTO searched_turns (turn_id, scope, content, created_at) "
            "VALUES ('gone', 'x', 'y', '')"
        ],
        {(FindingCode.BROKEN_REFERENCE, "searched_turns row 9")},
        True,
    ),
    "a run's row": (
        ["DELETE FROM runs WHERE run_id = 'run_0'"],
        {(FindingCode.BROKEN_REFERENCE, f"events row {n}") for n in (1, 2, 3)}
        | {(FindingCode.BROKEN_REFERENCE, f"turns row {n}") for n in (1, 2)},
        True,
    ),
    "a conversation's row": (
        ["DELETE FROM conversations WHERE conversation_id = 'conv_0'"],
        {(FindingCode.BROKEN_REFERENCE, f"events row {n}") for n in range(1, 7)}
        | {(FindingCode.BROKEN_REFERENCE, f"turns row {n}") for n in range(1, 5)}
        | {(FindingCode.BROKEN_REFERENCE, f"runs row {n}") for n in (1, 2)},
        True,
    ),
    "an agent's row": (
        ["DELETE FROM agents"],
        {(FindingCode.CONVERSATION_WITHOUT_AGENT, f"conv_{n}") for n in range(2)}
        | {(FindingCode.BROKEN_REFERENCE, f"runs row {n}") for n in range(1, 5)},
        False,
    ),
}


@pytest.mark.parametrize("name", HARMS)
async def test_each_harm_is_found_and_mended_where_it_is_provable(
    store: Store, path: Path, name: str
) -> None:
    statements, expected, provable = HARMS[name]
    harm(path, *statements)
    found = await store.integrity.check()
    assert {(f.code, f.subject) for f in found} == expected
    removed_rows = RemovedRows()
    await store.integrity.repair(removed_rows)
    left = await store.integrity.check()
    if provable:
        assert left == []
    else:
        assert left == found, "what is not provable is left alone"
        assert removed_rows.things == []
    with plain(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_a_damaged_search_index_stops_nobody_and_is_built_anew(
    store: Store, path: Path
) -> None:
    """It holds nothing that the turns do not: work goes on, and a repair puts it right."""
    harm(path, "UPDATE turn_search_data SET block = x'' WHERE id > 10")
    query = SearchQuery(phrases=["prompt"])
    with pytest.raises(StoreUnusableError) as caught:
        await store.conversations.search(query)
    assert caught.value.code == "search_index_damaged"
    assert store.health.state is StoreState.OK
    await store.runs.accept(new_run(90, "conv_90"), [])
    repairs = await store.integrity.repair(RemovedRows())
    assert FindingCode.SEARCH_DAMAGED in {repair.code for repair in repairs}
    hits = await store.conversations.search(query)
    assert "turn_90" in {hit.turn_id for hit in hits}
    assert await store.integrity.repair(RemovedRows()) == []


async def test_a_gap_that_the_counter_hides_is_found(store: Store, path: Path) -> None:
    """As many events as the counter says, but not those."""
    harm(
        path,
        "DELETE FROM events WHERE conversation_id = 'conv_0' AND seq = 1",
        "UPDATE conversations SET last_event_seq = 5 WHERE conversation_id = 'conv_0'",
    )
    found = {f.code for f in await store.integrity.check()}
    assert found == {FindingCode.EVENT_GAP, FindingCode.EVENT_COUNTER_BEHIND}
    await store.integrity.repair(RemovedRows())
    left = await store.integrity.check()
    assert {f.code for f in left} == {FindingCode.EVENT_GAP}
    assert (await store.conversations.get("conv_0")).last_event_seq == 6


async def test_what_a_repair_removes_or_changes_is_kept(store: Store, path: Path) -> None:
    with plain(path) as connection:
        rows = {
            table: connection.execute(f"SELECT * FROM {table}").fetchall()
            for table in ("events", "turns", "runs")
        }
    # Run 2 loses its conversation; of run 0's events two belong to another one by now.
    harm(
        path,
        "DELETE FROM conversations WHERE conversation_id = 'conv_1'",
        "UPDATE events SET run_id = 'run_2' WHERE conversation_id = 'conv_0' AND seq = 2",
    )
    removed_rows = RemovedRows()
    await store.integrity.repair(removed_rows)
    kept = removed_rows.things
    assert removed_rows.synced
    assert await store.integrity.check() == []
    for table, whole in rows.items():
        with plain(path) as connection:
            present = connection.execute(f"SELECT * FROM {table}").fetchall()
        removed = [
            tuple(thing["row"].values())
            for thing in kept
            if thing["table"] == table and thing["action"] == "remove"
        ]
        gone = [row for row in whole if row[1 if table != "events" else 0] == "conv_1"]
        assert sorted(removed) == sorted(gone)
        assert len(present) + len(gone) == len(whole)
    changed = [thing for thing in kept if thing["action"] == "change"]
    assert [(t["table"], t["row"]["seq"], t["row"]["run_id"]) for t in changed] == [
        ("events", 2, "run_2")
    ]
    assert [e.seq for e in await events_of(store, "conv_0")] == list(range(1, 7))


async def test_a_repair_that_cannot_keep_changes_nothing(store: Store, path: Path) -> None:
    harm(path, "DELETE FROM conversations WHERE conversation_id = 'conv_0'")
    found = await store.integrity.check()

    class Failing(RemovedRows):
        def sync(self) -> None:
            raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        await store.integrity.repair(Failing())
    assert await store.integrity.check() == found


async def test_a_conversation_goes_on_after_its_counter_is_mended(store: Store, path: Path) -> None:
    harm(path, "UPDATE conversations SET last_event_seq = 2, last_turn_seq = 1")
    await store.integrity.repair(RemovedRows())
    stored = await store.events.append("conv_0", [("run_0", event())])
    assert [e.seq for e in stored] == [7]
    await add_more(store)
    assert await store.integrity.check() == []


async def add_more(store: Store) -> None:
    await store.runs.accept(new_run(9, "conv_0", conversation_is_new=False), [event()])


async def test_a_damaged_index_is_built_anew(store: Store, path: Path) -> None:
    """The index is taken out of the schema while a row is written, and put back."""
    with plain(path) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        query = "SELECT * FROM sqlite_master WHERE name = 'turns_by_run'"
        entry = connection.execute(query).fetchone()
        connection.execute("DELETE FROM sqlite_master WHERE name = 'turns_by_run'")
    harm(path, "UPDATE turns SET run_id = NULL")
    with plain(path) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", entry)
    found = await store.integrity.check()
    assert {f.code for f in found} == {FindingCode.DAMAGED_INDEX}
    assert all(f.repairable for f in found)
    repairs = await store.integrity.repair(RemovedRows())
    assert {r.code for r in repairs} == {FindingCode.DAMAGED_INDEX}
    assert await store.integrity.check() == []
    assert store.health.state is StoreState.OK


def damage(path: Path, *, skip: int = 4096) -> None:
    """Overwrite all pages but the first ones."""
    with path.open("r+b") as file:
        file.seek(skip)
        file.write(b"\xa5" * (path.stat().st_size - skip))


async def test_damaged_pages_are_found_and_end_the_writing(path: Path) -> None:
    async with open_store(path) as store:
        await add_agent(store)
    damage(path, skip=3 * 4096)
    (found, *_) = await Integrity(path, None).check()
    assert found.code is FindingCode.DAMAGED_PAGES
    assert not found.repairable
    path.write_bytes(b"no database" * 1000)
    (found, *_) = await Integrity(path, None).check()
    assert found.code is FindingCode.DAMAGED_PAGES


async def test_a_check_that_finds_damage_tells_the_store(store: Store, path: Path) -> None:
    await store.integrity.vacuum()
    await store.agents._writer.alone(lambda c: c.execute("PRAGMA wal_checkpoint(TRUNCATE)"))
    damage(path, skip=3 * 4096)
    await store.integrity.check()
    assert store.health.state is StoreState.CORRUPT
    with pytest.raises(StoreCorruptError):
        await add_agent(store, "second")


async def test_a_look_before_the_start_is_bounded(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(connection: sqlite3.Connection) -> Fault | None:
        numbers = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
        try:
            connection.execute(f"{numbers} SELECT count(*) FROM n").fetchone()
        except sqlite3.DatabaseError as error:
            return fault_of(error)
        raise AssertionError("it ended")

    assert await quick_check(path, 10) is None
    monkeypatch.setattr(quick, "_first_damage", endless)
    with anyio.fail_after(10):
        assert await quick_check(path, 0.05) is None


async def test_vacuum_gives_space_back(store: Store, path: Path) -> None:
    await store.events.append("conv_0", [("run_0", event("x" * 100_000)) for _ in range(50)])
    await store.conversations.delete("conv_0")
    before = await store.integrity.stats()
    assert before.free_pages > 1000
    await store.integrity.vacuum()
    after = await store.integrity.stats()
    assert after.free_pages == 0
    assert after.pages <= before.pages - before.free_pages
    assert await store.integrity.check() == []


async def test_stats_count(store: Store, path: Path) -> None:
    stats = await store.integrity.stats()
    assert stats.rows == {"agents": 1, "conversations": 2, "turns": 8, "runs": 4, "events": 12}
    assert stats.bytes == path.stat().st_size
    assert stats.wal_bytes == path.with_name("new.db-wal").stat().st_size > 0
    assert stats.schema_version == len(migrations())
    assert stats.lease is None


async def test_a_backup_is_one_consistent_moment(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    counts: list[int] = []

    async def write() -> None:
        while not counts:
            await store.events.append("conv_0", [("run_0", event("x" * 2000)) for _ in range(20)])

    async def back_up() -> None:
        for number in range(5):
            counts_of = await store.integrity.back_up(folder, f"2026010{number}T000000.000Z")
            with plain(counts_of) as copy:
                assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                last, most = copy.execute(
                    "SELECT last_event_seq, (SELECT max(seq) FROM events e WHERE "
                    "e.conversation_id = c.conversation_id) FROM conversations c "
                    "WHERE conversation_id = 'conv_0'"
                ).fetchone()
            assert last == most
        counts.append(last)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write)
        tasks.start_soon(back_up)
    assert counts[0] > 6
    files = sorted(folder.iterdir())
    assert [file.suffix for file in files] == [".db"] * 5, "one file each, nothing beside it"
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert {file.read_bytes()[18:20] for file in files} == {b"\1\1"}, "none needs a log"
    assert backups(folder) == files[::-1]


async def test_a_backup_lets_the_log_be_folded(store: Store, path: Path, tmp_path: Path) -> None:
    """As much is written while it is made as the database holds, and more is copied at the end."""
    for _ in range(8):
        await store.events.append("conv_0", [("run_0", event("x" * (1 << 20)))] * 2)
    before = (await store.integrity.stats()).bytes
    made = 0

    async def write() -> None:
        nonlocal made
        while made < before:
            await store.events.append("conv_0", [("run_0", event("x" * (1 << 18)))])
            made += 1 << 18

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write)
        saved = await store.integrity.back_up(tmp_path / "backups", "now")
    assert made >= before
    assert saved.stat().st_size > before
    assert Wal(path).size() < before / 2


async def test_what_is_not_waited_for_leaves_no_backup_and_the_store_at_work(
    store: Store, tmp_path: Path
) -> None:
    for _ in range(8):
        await store.events.append("conv_0", [("run_0", event("x" * (1 << 20)))] * 2)
    folder = tmp_path / "backups"
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:

            async def cancel() -> None:
                while not any(copy.stat().st_size for copy in folder.glob("*.partial")):
                    await store.events.append("conv_0", [("run_0", event())])
                scope.cancel()

            tasks.start_soon(cancel)
            await store.integrity.back_up(folder, "now")
    assert scope.cancelled_caught
    assert list(folder.iterdir()) == []
    await store.events.append("conv_0", [("run_0", event())])
    assert await store.integrity.check() == []


async def test_a_check_of_a_copy_ends_the_writing_when_pages_are_damaged(
    store: Store, tmp_path: Path
) -> None:
    copy = await store.integrity.back_up(tmp_path / "backups", "now")
    assert await store.integrity.check(copy) == []
    damage(copy)
    (finding,) = await store.integrity.check(copy)
    assert finding.code is FindingCode.DAMAGED_PAGES
    assert store.health.state is StoreState.CORRUPT


async def test_a_backup_without_room_leaves_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup_module, "_MARGIN_BYTES", 1 << 60)
    with pytest.raises(StoreFullError, match="no room to spare"):
        await store.integrity.back_up(tmp_path / "backups", "now")
    assert list((tmp_path / "backups").iterdir()) == []


async def test_a_damaged_database_makes_no_backup(path: Path, tmp_path: Path) -> None:
    async with open_store(path) as store:
        await add_agent(store)
    damage(path, skip=3 * 4096)
    with pytest.raises(StoreCorruptError):
        await Integrity(path, None).back_up(tmp_path / "backups", "now")
    assert list((tmp_path / "backups").iterdir()) == []


async def test_the_newest_good_backup_is_the_newest_undamaged_one(
    store: Store, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    assert await newest_good(folder) is None
    made = [await store.integrity.back_up(folder, f"2026010{number}") for number in range(3)]
    damage(made[2])
    made[1].write_bytes(b"no database" * 1000)
    assert await newest_good(folder) == made[0]


@pytest.fixture
async def saved(path: Path, tmp_path: Path) -> Path:
    """A backup with one agent, of a database that has two by now."""
    async with open_store(path) as store:
        await add_agent(store, "old")
        saved = await store.integrity.back_up(tmp_path / "backups", "20260101")
        await add_agent(store, "new")
    return saved


def agents(path: Path) -> list[str]:
    with plain(path) as connection:
        return [r[0] for r in connection.execute("SELECT agent_id FROM agents ORDER BY 1")]


def leave_a_log(path: Path) -> None:
    """As a killed service leaves it: the newest commit is in the log only."""
    with plain(path) as connection:
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("UPDATE agents SET agent_id = 'newest' WHERE agent_id = 'new'")
        files = [path, path.with_name("new.db-wal")]
        contents = [file.read_bytes() for file in files]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)
    path.with_name("new.db-shm").unlink(missing_ok=True)


async def test_restore_puts_back_and_keeps(path: Path, saved: Path, tmp_path: Path) -> None:
    leave_a_log(path)
    kept = restore(saved, path, tmp_path / "aside" / "now")
    assert agents(path) == ["old"]
    assert kept[0] == tmp_path / "aside" / "now" / "new.db"
    assert agents(kept[0]) == ["newest", "old"], "with what was in the log only"
    assert path.stat().st_mode & 0o777 == 0o600
    assert agents(saved) == ["old"]
    async with open_store(path) as store:
        assert await store.integrity.check() == []


async def test_a_log_that_somebody_still_reads_is_not_taken_for_the_backups(
    path: Path, saved: Path, tmp_path: Path
) -> None:
    leave_a_log(path)
    with plain(path) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM agents").fetchall()
        restore(saved, path, tmp_path / "aside")
        assert agents(path) == ["old"]
    assert agents(path) == ["old"]


async def test_restore_over_a_damaged_database(path: Path, saved: Path, tmp_path: Path) -> None:
    path.write_bytes(b"no database" * 1000)
    path.with_name("new.db-wal").write_bytes(b"no log" * 1000)
    kept = restore(saved, path, tmp_path / "aside")
    assert agents(path) == ["old"]
    assert [file.read_bytes() for file in kept] == [b"no database" * 1000, b"no log" * 1000]


@pytest.mark.parametrize("bad", ["damaged", "garbage", "newer", "foreign", "empty"])
async def test_a_bad_backup_is_refused_and_nothing_changes(
    path: Path, saved: Path, tmp_path: Path, bad: str
) -> None:
    if bad == "damaged":
        damage(saved, skip=3 * 4096)
    elif bad == "garbage":
        saved.write_bytes(b"no database" * 1000)
    elif bad == "empty":
        saved.write_bytes(b"")
    else:
        with plain(saved) as connection:
            connection.execute(f"PRAGMA user_version={len(migrations()) + (bad == 'newer')}")
            if bad == "foreign":
                connection.execute("PRAGMA foreign_keys=OFF")
                connection.execute("DROP TABLE conversations")
    before = path.read_bytes()
    with pytest.raises(StoreUnusableError) as caught:
        restore(saved, path, tmp_path / "aside")
    codes = {"newer": "newer_schema", "foreign": "not_a_backup", "empty": "not_a_backup"}
    assert caught.value.code == codes.get(bad, "database_corrupt")
    assert path.read_bytes() == before
    assert {file.name for file in tmp_path.iterdir()} == {"new.db", "backups"}


@pytest.mark.parametrize("function", ["os.link", "pathlib.Path.replace"])
async def test_a_restore_that_breaks_off_can_be_made_again(
    path: Path, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    leave_a_log(path)

    def break_off(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(function, break_off)
        with pytest.raises(KeyboardInterrupt):
            restore(saved, path, tmp_path / "aside" / "first")
    if function == "os.link":
        assert agents(path) == ["newest", "old"]
    restore(saved, path, tmp_path / "aside" / "second")
    assert agents(path) == ["old"]


async def test_an_older_schema_is_backed_up_and_not_checked(path: Path, tmp_path: Path) -> None:
    with plain(path) as connection:
        connection.executescript(f"{migrations()[0][1]}; PRAGMA user_version = 1;")
    integrity = Integrity(path, None)
    with pytest.raises(StoreUnusableError) as caught:
        await integrity.check()
    assert caught.value.code == "older_schema"
    assert (await integrity.stats()).schema_version == 1
    saved = await integrity.back_up(tmp_path / "backups", "now")
    restore(saved, path, tmp_path / "aside")
    async with open_store(path) as store:
        assert await store.integrity.check() == []
