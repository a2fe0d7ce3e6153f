"""The maintenance in the service: what the database alone cannot tell, and what is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from agent_runner.agents.replay.transcripts import DEMO_AGENT
from agent_runner.api.context import Context
from agent_runner.maintenance import service as module
from agent_runner.maintenance.service import Maintenance
from conversation_store.findings import FindingCode
from conversation_store.states import RunState
from tests.conftest import Serving
from tests.helpers.rows import add_run, plain
from tests.runs.test_service import add_agent, ended, events_of, start, until

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SECOND_LOOK_S", 0.01)


async def found(context: Context) -> list[tuple[str, str, bool]]:
    report = await context.maintenance.check()
    assert report.ok is (report.findings == [])
    assert report.counts == {
        code: sum(f.code == code for f in report.findings)
        for code in {f.code for f in report.findings}
    }
    return [(f.code, f.subject, f.repairable) for f in report.findings]


async def test_a_service_at_work_has_nothing_wrong(serving: Serving, tmp_path: Path) -> None:
    async with serving() as context:
        assert await found(context) == []
        for agent in (
            await context.store.agents.get(DEMO_AGENT),
            await add_agent(context, tmp_path),
        ):
            await ended(await start(context, agent, "hello"))
        await ended(await start(context, agent, [{"die": 3}]))
        here, gate = tmp_path / "here", tmp_path / "gate"
        script = [{"touch": str(here)}, {"wait": str(gate)}, {"text": "done"}]
        active = await start(context, agent, script)
        queued = await start(context, agent, "queued")
        await until(here)
        assert await found(context) == []
        report = await context.maintenance.clean_up()
        assert (report.ok, report.repaired, report.kept) == (True, [], None)
        gate.touch()
        for run in (active, queued):
            assert (await ended(run)).state is RunState.SUCCEEDED
        await context.runs.end_session(agent.agent_id)
        assert await found(context) == []


async def test_a_run_that_nothing_drives_is_ended(serving: Serving, tmp_path: Path) -> None:
    async with serving() as context:
        await add_agent(context, tmp_path)
        await add_run(context.store)
        assert await found(context) == [(FindingCode.STUCK_RUN, "run_1", True)]
        report = await context.maintenance.clean_up()
        assert report.ok
        assert [(r.code, r.subject) for r in report.repaired] == [("stuck_run", "run_1")]
        run = await context.store.runs.get("run_1")
        assert (run.state, run.code) == (RunState.INTERRUPTED, "interrupted")
        assert [e.type for e in await events_of(context, "run_1")] == ["run.finished"]


async def test_raw_files_without_a_run_are_put_away(
    serving: Serving, tmp_path: Path, state_dir: Path
) -> None:
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        run = await start(context, agent, "hello")
        await ended(run)
        stray = state_dir / "raw" / "run_gone.stdout"
        stray.write_bytes(b"what it printed")
        assert await found(context) == [(FindingCode.RAW_WITHOUT_RUN, str(stray), True)]
        report = await context.maintenance.clean_up()
        assert report.ok
        assert report.kept is not None
        (line,) = Path(report.kept).read_text().splitlines()
        moved = json.loads(line)
        assert (moved["action"], moved["file"]) == ("move", str(stray))
        assert Path(moved["to"]).read_bytes() == b"what it printed"
        assert not stray.exists()
        (state_dir / "raw" / f"{run.run_id}.stdout").unlink()
        assert await found(context) == [(FindingCode.RAW_MISSING, run.run_id, False)]
        assert not (await context.maintenance.clean_up()).ok


async def test_raw_files_that_were_rotated_are_not_missed(
    serving: Serving, tmp_path: Path, state_dir: Path
) -> None:
    async with serving(logs={"agent_runs": 2}) as context:
        agent = await add_agent(context, tmp_path)
        runs = [await start(context, agent, f"prompt {number}") for number in range(5)]
        for run in runs:
            await ended(run)
        raw = state_dir / "raw"
        with anyio.fail_after(30):
            while len(list(raw.glob("*.stdout"))) == len(runs):
                await anyio.sleep(0.01)
        assert await found(context) == []
        (raw / f"{runs[4].run_id}.stdout").unlink()
        assert await found(context) == [(FindingCode.RAW_MISSING, runs[4].run_id, False)]


async def test_what_a_cleanup_removes_is_on_the_disk_first(
    serving: Serving, tmp_path: Path, state_dir: Path
) -> None:
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        run = await start(context, agent, "schlüssel \u2028")
        await ended(run)
        (state_dir / "raw" / f"{run.run_id}.stdout").unlink()
        with plain(state_dir / "agent-runner.db") as connection:
            connection.execute("PRAGMA foreign_keys=OFF")
            connection.execute("DELETE FROM conversations")
            payloads = connection.execute("SELECT payload FROM events ORDER BY seq").fetchall()
        report = await context.maintenance.clean_up()
        assert report.ok
        assert report.kept is not None
        kept = Path(report.kept)
        assert kept.parent == state_dir / "repairs"
        assert kept.stat().st_mode & 0o777 == 0o600
        things = [json.loads(line) for line in kept.read_text().splitlines()]
        events = [t["row"]["payload"].encode() for t in things if t["table"] == "events"]
        assert events == [payload for (payload,) in payloads]
        assert {t["row"]["content"] for t in things if t["table"] == "turns"} == {
            "schlüssel \u2028",
            "echo: schlüssel \u2028",
        }


async def test_backups_are_kept_to_their_number(serving: Serving, state_dir: Path) -> None:
    async with serving() as context:
        few = Maintenance(_folders(context, state_dir), keep_backups=2, store=context.store)
        made = []
        for _ in range(4):
            made.append((await few.back_up()).path)
            await anyio.sleep(0.002)  # the name has milliseconds
        assert len(set(made)) == 4
        report = await few.back_up()
        assert sorted(report.removed) == [made[2]]
        stats = await few.stats()
        assert stats.backups.count == 2
        assert stats.backups.newest == report.path
        assert stats.backups.bytes == 2 * report.bytes


def _folders(context: Context, state_dir: Path) -> module.Folders:
    from agent_runner.app.state_dir import StateDir

    assert context.settings.state_dir == state_dir
    return StateDir(state_dir)


async def test_the_last_report_of_each_kind_is_remembered(serving: Serving, tmp_path: Path) -> None:
    async with serving() as context:
        assert (await context.maintenance.stats()).last_check is None
        await add_agent(context, tmp_path)
        await add_run(context.store)
        check = await context.maintenance.check()
        cleanup = await context.maintenance.clean_up()
        vacuum = await context.maintenance.vacuum()
        backup = await context.maintenance.back_up()
    async with serving() as context:
        stats = await context.maintenance.stats()
        assert stats.last_check == check == await context.maintenance.last_check()
        assert stats.last_cleanup == cleanup
        assert stats.last_vacuum == vacuum
        assert stats.last_backup == backup
        assert stats.database.lease is not None
        assert stats.database.lease.epoch == 2


async def test_a_backup_that_goes_meanwhile_is_not_counted(
    serving: Serving, state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving() as context:
        made = await context.maintenance.back_up()
        last = context.store.integrity.last

        async def slowly() -> dict[str, Any]:
            Path(made.path).unlink()
            return await last()

        monkeypatch.setattr(context.store.integrity, "last", slowly)
        assert (await context.maintenance.stats()).backups.bytes == 0
        assert context.maintenance.newest_backup_time() is None
