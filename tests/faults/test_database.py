"""Faults of the database, the disk and the time."""

from __future__ import annotations

import json
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import structlog

from agent_runner import wire
from agent_runner.maintenance import store_watch as watch
from conversation_store.errors import StoreFencedError, StoreFullError
from conversation_store.records import Owner, RunOutcome
from conversation_store.sqlite import wal
from conversation_store.sqlite.migrate import migrations
from conversation_store.sqlite.reserve import Reserve
from conversation_store.sqlite.store import open_store
from conversation_store.states import RunState, StoreState
from tests.conftest import Script, Service, Serving
from tests.faults.disks import no_larger_files, small_disk
from tests.helpers.faulty import in_state
from tests.helpers.rows import NOW, add_agent, add_run, event, new_run, plain
from tests.runs.test_service import add_agent as add_worker
from tests.runs.test_service import ended, start, until
from tests.runs.test_service import events_of as events_of_run

OWNER = Owner(name="test:1", boot_id="boot", since=NOW)
RECOVERY_S = 5.0


class Background(threading.Thread):
    """An `execute` that is waited for later."""

    def __init__(self, service: Service, script: Script, name: str = "worker") -> None:
        super().__init__(daemon=True)
        self._service, self._script, self._name = service, script, name
        self.answer: httpx.Response | None = None
        self.start()

    def run(self) -> None:
        self.answer = self._service.run(self._script, self._name)

    def result(self) -> dict[str, Any]:
        self.join(30)
        assert self.answer is not None, "it still waits"
        assert self.answer.status_code == 200, self.answer.text
        body: dict[str, Any] = self.answer.json()
        return body


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)


def health(service: Service) -> tuple[int, str | None]:
    """What both paths say; (0, None) if it changed between the two."""
    with service.client() as client:
        answers = [client.get(path) for path in ("/health", "/ready")]
    told = {(answer.status_code, answer.json().get("code")) for answer in answers}
    return told.pop() if len(told) == 1 else (0, None)


def whole(service: Service, answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of the run's conversation, whose seqs have no gap."""
    events = []
    with service.client() as client:
        path = f"/runs/{answer['runId']}/events"
        for block in client.get(path).text.split("\n\n")[:-1]:
            data = next(line[6:] for line in block.splitlines() if line.startswith("data: "))
            events.append(json.loads(data))
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "run.finished"
    return events


# --- two services on one database -----------------------------------------------------------------


@pytest.mark.fault(53)
def test_two_services(service: Service) -> None:
    """The second is refused; one that has lost the lease all the same writes nothing and leaves."""
    argv = [sys.executable, "-m", "agent_runner.cli.main", "serve", "--port", "0"]
    second = subprocess.run(
        [*argv, "--state-dir", str(service.state_dir)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 1
    assert f"(pid {service.process.pid}) uses {service.state_dir}" in second.stderr
    assert "[state_dir_in_use]" in second.stderr
    before = service.run("hello").json()["runId"]

    async def take_over() -> None:
        async with open_store(service.state_dir / "agent-runner.db", owner=OWNER):
            pass

    anyio.run(take_over)
    refused = service.run("too late")
    assert (refused.status_code, refused.json()["code"]) == (503, "fenced")
    assert service.process.wait(20) == 1
    service.stop()
    assert "error: this service no longer owns the database: test:1 took it over" in service.output
    assert "[fenced]" in service.output
    assert service.output.count("event=store_unusable") == 1
    with plain(service.state_dir / "agent-runner.db") as connection:
        runs = connection.execute("SELECT run_id FROM runs").fetchall()
    assert runs == [(before,)]


@pytest.mark.fault(53)
@pytest.mark.anyio
async def test_what_a_stale_service_seems_to_acknowledge_fails(
    serving: Serving, tmp_path: Path, state_dir: Path
) -> None:
    """Its run goes on in a CLI, but its end is not stored, and is told as a failure."""
    here, gate = tmp_path / "here", tmp_path / "gate"
    async with serving() as context:
        agent = await add_worker(context, tmp_path)
        active = await start(context, agent, [{"touch": str(here)}, {"wait": str(gate)}])
        await until(here)
        async with open_store(state_dir / "agent-runner.db", owner=OWNER) as fresh:
            gate.touch()
            outcome = await ended(active)
            assert (outcome.state, outcome.code) == ("failed", "internal")
            assert context.watch.health().state is StoreState.FENCED
            with pytest.raises(StoreFencedError):
                await start(context, agent, "next")
            assert [run.run_id for run in await fresh.runs.open_runs()] == [active.run_id]


# --- a read that becomes a write ------------------------------------------------------------------


@pytest.mark.fault(71)
@pytest.mark.anyio
async def test_a_read_that_becomes_a_write_waits_its_turn(tmp_path: Path) -> None:
    """Transactions begin as writers: a deferred one could not wait once it has read."""
    path = tmp_path / "new.db"
    async with open_store(path, owner=OWNER) as store:
        await add_agent(store)
        await add_run(store)
        accepted = anyio.Event()

        async def accept() -> None:
            await store.runs.accept(new_run(2, conversation_is_new=False), [event()])
            accepted.set()

        with plain(path) as other:
            other.execute("BEGIN IMMEDIATE")
            other.execute("UPDATE agents SET updated_at = 'later'")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(accept)
                with anyio.move_on_after(0.3):
                    await accepted.wait()
                assert not accepted.is_set(), "it reads the conversation, then waits to write"
                other.execute("COMMIT")
        assert accepted.is_set()
        assert store.health.state is StoreState.OK


# --- a long reader --------------------------------------------------------------------------------


@pytest.mark.fault(72)
@pytest.mark.anyio
async def test_a_long_reader_is_told_and_made_up_for(
    serving: Serving, state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "WAL_ALARM_BYTES", 4 << 20)
    monkeypatch.setattr(watch, "_WAL_CHECK_S", 0.01)
    monkeypatch.setattr(wal, "TRUNCATE_BYTES", 2 << 20)

    def told(logs: list[Any], name: str) -> int:
        return sum(entry["event"] == name for entry in logs)

    with structlog.testing.capture_logs() as logs:
        async with serving() as context:
            agent = await add_worker(context, tmp_path)
            await ended(await start(context, agent, "before"))
            with plain(state_dir / "agent-runner.db") as reader:
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM events").fetchone()
                for _ in range(6):
                    await ended(await start(context, agent, [{"big": 2 << 20, "deltas": 0}]))
                with anyio.fail_after(20):
                    while not told(logs, "wal_large"):
                        await anyio.sleep(0.01)
                assert context.watch.health().state is StoreState.OK
            with anyio.fail_after(20):
                while not told(logs, "wal_small_again"):
                    await anyio.sleep(0.01)
    assert told(logs, "wal_large") == 1


# --- a full disk ----------------------------------------------------------------------------------


@pytest.mark.fault(73)
def test_a_full_disk_refuses_new_work_and_recovers_by_itself(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    """Real: the state folder is a disk of its own, filled to the last byte."""
    with small_disk(tmp_path / "state", 64) as disk:
        service = make_service()
        service.register()
        service.register("other")
        kept = service.run("kept", "other").json()
        here, gate = tmp_path / "here", tmp_path / "gate"
        script: Script = [{"touch": str(here)}, {"wait": str(gate)}]
        sizes = [50_000 + 16 * n for n in range(240)]
        script += [{"big": size, "deltas": 0} for size in sizes]
        run = Background(service, script)
        wait_until(here.exists)
        disk.fill()
        gate.touch()
        wait_until(lambda: health(service) == (503, "disk_full"))
        refused = service.run("refused", "other")
        assert (refused.status_code, refused.json()["code"]) == (507, "disk_full")
        assert refused.headers["retry-after"] == "1"
        with service.client() as client:
            assert client.get(f"/runs/{kept['runId']}").json()["content"] == "echo: kept"
            assert client.get("/agents").status_code == 200
        assert run.is_alive(), "what was acknowledged waits"
        disk.free()
        wait_until(lambda: service.run("again", "other").status_code == 200, RECOVERY_S)
        assert health(service) == (200, None)
        answer = run.result()
        assert answer["success"] is True
        texts = [e["text"] for e in whole(service, answer) if e["type"] == "message.completed"]
        assert [len(text) for text in texts] == sizes
        assert service.stop() == 0
        assert service.output.count("event=store_unusable") == 1, "once, not once for each try"
        assert service.output.count("event=store_works_again") == 1


@pytest.mark.fault(73)
@pytest.mark.anyio
async def test_a_database_that_may_not_grow(serving: Serving, tmp_path: Path) -> None:
    """The same without a disk of its own: SQLite refuses to grow the file."""
    here, gate = tmp_path / "here", tmp_path / "gate"
    async with serving() as context:
        agent = await add_worker(context, tmp_path)
        other = await add_worker(context, tmp_path, "other")
        script: Script = [{"touch": str(here)}, {"wait": str(gate)}]
        script += [{"text": f"{number} " + "x" * 20_000} for number in range(20)]
        active = await start(context, agent, script)
        await until(here)
        connection = context.store.agents._writer._connection  # type: ignore[attr-defined]
        await connection.run(
            lambda p: p.execute(
                f"PRAGMA max_page_count={p.execute('PRAGMA page_count').fetchone()[0]}"
            )
        )
        gate.touch()
        with anyio.fail_after(20):
            while context.watch.health().state is not StoreState.FULL:
                await anyio.sleep(0.01)
        with pytest.raises(Exception, match="the disk is full"):
            await start(context, other, "refused")
        assert not active.done.is_set()
        await connection.run(lambda p: p.execute("PRAGMA max_page_count=1000000"))
        assert (await ended(active)).state == "succeeded"
        assert (await ended(await start(context, other, "again"))).state == "succeeded"
        assert context.watch.health().state is StoreState.OK


@pytest.mark.fault(73)
@pytest.mark.anyio
async def test_a_start_on_a_full_disk_after_a_crash(tmp_path: Path) -> None:
    """The reserve that the killed service left is what the start needs."""
    with small_disk(tmp_path / "disk", 24) as disk:
        path = disk.path / "new.db"
        async with open_store(path, owner=OWNER) as store:
            await add_agent(store)
        assert Reserve(disk.path / "reserve").make()
        disk.fill()
        async with open_store(path, owner=OWNER) as store:
            assert store.health.state is StoreState.FULL
            assert [agent.agent_id for agent in await store.agents.all()] == ["worker"]
            with pytest.raises(StoreFullError):
                await add_agent(store, "second")
            disk.free()
            await in_state(store, StoreState.OK)
        disk.fill()
        with pytest.raises(StoreFullError, match="was left as it is"):
            async with open_store(path, owner=OWNER):
                raise AssertionError("opened without room")


@pytest.mark.fault(74)
@pytest.mark.anyio
async def test_on_a_full_disk_runs_end_and_conversations_can_be_deleted(tmp_path: Path) -> None:
    """By means of the reserve: in WAL mode even a DELETE needs room first."""
    with small_disk(tmp_path / "disk", 40) as disk:
        async with open_store(disk.path / "new.db", owner=OWNER) as store:
            await add_agent(store)
            for number in range(4):
                await add_run(store, number, f"conv_{number}")
            await store.runs.finish("run_0", outcome_of(0), [event()], now=NOW)
            disk.fill()
            assert await store.runs.finish("run_1", outcome_of(1), [event()], now=NOW)
            await in_state(store, StoreState.FULL)
            await store.conversations.delete("conv_0")
            stored: list[int] = []

            async def flood() -> None:
                for _ in range(4):
                    batch = [("run_2", event("x" * 500_000))]
                    stored.extend(e.seq for e in await store.events.append("conv_2", batch))

            async with anyio.create_task_group() as tasks:
                for _ in range(6):
                    tasks.start_soon(flood)
                with anyio.move_on_after(2):  # four tries
                    await anyio.sleep_forever()
                assert 0 < len(stored) < 16, "events stop before the reserve is used up"
                assert await store.runs.finish("run_3", outcome_of(3), [event()], now=NOW)
                await store.conversations.delete("conv_1")
                await store.agents._writer.alone(checkpoint)
                await in_state(store, StoreState.FULL)
                disk.free()
            assert sorted(stored) == list(range(1, 25))
            await in_state(store, StoreState.OK)
            assert (disk.path / "reserve").exists()
        with plain(disk.path / "new.db") as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def outcome_of(number: int) -> RunOutcome:
    return RunOutcome(state=RunState.SUCCEEDED, answer="done", turn_id=f"turn_end_{number}")


def checkpoint(connection: sqlite3.Connection) -> None:
    busy, _, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    assert busy == 0


# --- a disk that does not work --------------------------------------------------------------------


@pytest.mark.fault(75)
def test_a_disk_that_does_not_work(service: Service, tmp_path: Path) -> None:
    """Each write of the service fails; the CLI that runs goes on, and nothing of it is lost."""
    here, gate = tmp_path / "here", tmp_path / "gate"
    service.register("other")
    service.run("kept", "other")
    script: Script = [{"touch": str(here)}, {"wait": str(gate)}]
    script += [{"text": f"{number} " + "x" * 5000} for number in range(100)]
    run = Background(service, script)
    wait_until(here.exists)
    with no_larger_files(service.process.pid, 1):
        gate.touch()
        wait_until(lambda: health(service) == (503, "database_unwritable"))
        refused = service.run("refused", "other")
        assert (refused.status_code, refused.json()["code"]) == (503, "database_unwritable")
        with service.client() as client:
            assert client.get("/agents").status_code == 200
        assert run.is_alive()
    wait_until(lambda: service.run("again", "other").status_code == 200, RECOVERY_S)
    assert health(service) == (200, None)
    answer = run.result()
    texts = [e["text"] for e in whole(service, answer) if e["type"] == "message.completed"]
    assert [text.split()[0] for text in texts] == [str(number) for number in range(100)]


@pytest.mark.fault(75)
def test_it_leaves_though_the_disk_does_not_work(service: Service, tmp_path: Path) -> None:
    """Patience ends with the service; the next start settles what could not be stored."""
    here, gate = tmp_path / "here", tmp_path / "gate"
    run = Background(service, [{"touch": str(here)}, {"wait": str(gate)}, {"text": "there"}])
    wait_until(here.exists)
    with no_larger_files(service.process.pid, 1):
        gate.touch()
        wait_until(lambda: health(service) == (503, "database_unwritable"))
        assert service.stop() == 0
        run.join(30)
    assert run.answer is not None
    assert run.answer.status_code == 500, "no success that is not stored"
    service.start()
    with service.client() as client:
        left = client.get(f"/runs/{run.answer.json()['run']['runId']}").json()
    assert (left["status"], left["code"]) == ("interrupted", "interrupted")


@pytest.mark.fault(75)
def test_a_read_only_disk_at_the_start(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    with small_disk(tmp_path / "state", 24) as disk:
        service = make_service()
        service.stop()
        disk.remount("ro")
        with pytest.raises(AssertionError, match=r"Read-only file system.*\[state_dir_unusable\]"):
            service.start()
        assert service.stop() == 1
        disk.remount("rw")
        service.start()


# --- a damaged file -------------------------------------------------------------------------------


@pytest.mark.fault(76)
def test_a_damaged_database_is_refused_and_the_way_back_named(service: Service) -> None:
    """The command in the message brings the service back; the damaged file is kept."""
    database = service.state_dir / "agent-runner.db"
    kept = service.run("kept").json()["runId"]
    with service.client() as client:
        good, bad = (client.post("/api/integrity/backup", json={}).json()["path"] for _ in range(2))
    service.stop()
    for path, skip in ((Path(bad), 2 * 4096), (database, 3 * 4096)):
        with path.open("r+b") as file:
            file.seek(skip)
            file.write(b"\xa5" * 8192)
    before = database.read_bytes()
    with pytest.raises(AssertionError, match="database_corrupt") as caught:
        service.start()
    assert service.stop() == 1
    told = str(caught.value)
    assert "Traceback" not in told
    assert f"{database}: the database is damaged (" in told
    assert "It was left as it is" in told
    assert database.read_bytes() == before
    assert bad not in told, "the newest backup is damaged, too"
    (command,) = re.findall(r"agent-runner (db restore .*)", told)
    assert good in command
    argv = [sys.executable, "-m", "agent_runner.cli.main", *shlex.split(command)]
    subprocess.run(argv, check=True, timeout=30, capture_output=True)
    service.start()
    with service.client() as client:
        assert client.get(f"/runs/{kept}").json()["content"] == "echo: kept"
    (aside,) = (service.state_dir / "aside").rglob("agent-runner.db")
    assert aside.read_bytes() == before


@pytest.mark.fault(76)
def test_damage_that_is_met_later_names_the_backup(service: Service) -> None:
    database = service.state_dir / "agent-runner.db"
    service.run([{"text": "x" * 100_000}])
    with service.client() as client:
        backup = client.post("/api/integrity/backup", json={}).json()["path"]
        client.post("/api/integrity/vacuum", json={})
        with database.open("r+b") as file:
            file.seek(3 * 4096)
            file.write(b"\xa5" * (database.stat().st_size - 3 * 4096))
        report = client.post("/api/integrity/check", json={}).json()
        assert report["counts"].keys() == {"damaged_pages"}
        answer = client.get("/health")
        assert (answer.status_code, answer.json()["code"]) == (503, "database_corrupt")
        assert answer.json()["store"]["backup"] == backup
    refused = service.run("more")
    assert (refused.status_code, refused.json()["code"]) == (503, "database_corrupt")
    assert service.stop() == 0
    assert service.output.count("event=store_unusable") == 1
    assert f"backup={backup}" in service.output


# --- schemas --------------------------------------------------------------------------------------

SCHEMA = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"
MIGRATE_AND_DIE = """
import os, signal, sqlite3, sys
from conversation_store.sqlite.migrate import migrate

connection = sqlite3.connect(sys.argv[1], isolation_level=None)
left = int(sys.argv[2])

def count(statement):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)

connection.set_trace_callback(count)
migrate(connection)
"""


@pytest.mark.fault(77)
def test_a_migration_killed_midway_leaves_the_old_schema(tmp_path: Path) -> None:
    """kill -9 before each statement of the real migrations, from the first schema on."""
    path = tmp_path / "old.db"

    def look() -> tuple[int, list[str]]:
        with plain(path) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            return int(version), [row[0] for row in connection.execute(SCHEMA)]

    with plain(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(f"{migrations()[0][1]}; PRAGMA user_version = 1;")
    known = {1: look()[1]}
    newest = migrations()[-1][0]
    for statements in range(1000):
        done = subprocess.run(
            [sys.executable, "-c", MIGRATE_AND_DIE, str(path), str(statements)], check=False
        )
        version, schema = look()
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
        assert known.setdefault(version, schema) == schema, "half of a migration"
    assert version == newest
    assert statements > len(migrations()), "it was killed in the middle, too"


# --- time -----------------------------------------------------------------------------------------


@pytest.mark.fault(78)
@pytest.mark.anyio
async def test_a_wall_clock_that_is_off_by_a_day(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No timeout fires and none is missed; what is read back comes in its real order."""
    here, gate = tmp_path / "here", tmp_path / "gate"
    real_now, real_ns = wire.now, time.time_ns

    def off(days: int) -> None:
        moved = datetime.now(UTC) + timedelta(days=days)
        text = moved.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        monkeypatch.setattr(wire, "now", lambda: text)
        monkeypatch.setattr(time, "time_ns", lambda: real_ns() + days * 86_400 * 10**9)

    async with serving() as context:
        agent = await add_worker(context, tmp_path)
        idle = await add_worker(context, tmp_path, "idle")
        await ended(await start(context, idle, "warm"))
        script: Script = [{"touch": str(here)}, {"wait": str(gate)}, {"text": "done"}]
        first = await start(context, agent, script)
        queued = await start(context, agent, "queued")
        await until(here)
        for days in (1, -1):
            off(days)
            await anyio.sleep(1.2)  # more than the pool's look at idle processes takes
            assert not first.done.is_set()
            assert not queued.done.is_set()
        again = await start(context, idle, "still warm")
        await ended(again)
        begun = json.loads((await events_of_run(context, again.run_id))[2].payload)
        assert begun["reused"] is True, "its process was not idle for a day"
        gate.touch()
        assert (await ended(first)).state == "succeeded"
        assert (await ended(queued)).state == "succeeded"
        timely = await ended(await start(context, agent, [{"hang": True}], timeout_ms=300))
        assert timely.state == "timed_out"
        monkeypatch.setattr(wire, "now", real_now)
        monkeypatch.setattr(time, "time_ns", real_ns)
        await ended(await start(context, agent, "last"))
        conversation = first.run.conversation_id
        turns = await context.store.conversations.turns(conversation, after=0, limit=100)
        assert [turn.seq for turn in turns] == list(range(1, len(turns) + 1))
        inbound = [turn.content for turn in turns if turn.role == "user"]
        assert (inbound[1], inbound[-1]) == ("queued", "last")
        pages = context.store.events.of_conversation(conversation, after=0, until=2**62)
        events = [e async for page in pages for e in page]
        assert [e.seq for e in events] == list(range(1, len(events) + 1))
        times = [e.time for e in events]
        assert times != sorted(times), "the clock did jump"


@pytest.mark.fault(79)
def test_after_a_suspension_deadlines_are_looked_at_once(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    """Stopped for longer than a run may take, the service ends that run once, and no other."""
    service = make_service()
    service.register()
    service.register("patient")
    gate = tmp_path / "gate"
    other = Background(service, [{"wait": str(gate)}, {"text": "there"}], "patient")
    here = tmp_path / "here"
    with ThreadPoolExecutor(1) as pool:
        script: Script = [{"touch": str(here)}, {"hang": True}]
        late = pool.submit(service.run, script, timeoutMs=700)
        wait_until(here.exists)
        service.process.send_signal(signal.SIGSTOP)
        time.sleep(1)
        service.process.send_signal(signal.SIGCONT)
        answer = late.result(20).json()
    assert answer["status"] == "timed_out"
    assert [e["type"] for e in whole(service, answer)].count("run.finished") == 1
    assert other.is_alive()
    gate.touch()
    assert other.result()["content"] == "there"
