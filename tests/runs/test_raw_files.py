"""Raw output is kept whole for the newest runs, and goes with the oldest."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
import structlog

from agent_runner.runs.raw_files import RawFiles, Rotated
from agent_runner.runs.rotation import Rotation
from agent_runner.settings import LogSettings
from conversation_store.errors import StoreFullError
from conversation_store.sqlite.store import open_store
from tests.conftest import Serving
from tests.helpers.rows import add_agent as store_agent
from tests.helpers.rows import add_run
from tests.runs.test_service import add_agent, run, start
from tests.runs.test_service import ended as end_of


def fill(folder: Path, runs: list[str], size: int) -> None:
    for run_id in runs:
        (folder / f"{run_id}.stdout").write_bytes(b"o" * size)
        (folder / f"{run_id}.stderr").write_bytes(b"e")


@pytest.mark.parametrize(
    ("keep_bytes", "keep_runs", "kept"),
    [(10**6, 99, 5), (10**6, 2, 2), (350, 99, 3), (0, 99, 1), (10**6, 1, 1)],
)
def test_the_oldest_go(tmp_path: Path, keep_bytes: int, keep_runs: int, kept: int) -> None:
    runs = [f"run_{number}" for number in range(5, 0, -1)]
    fill(tmp_path, runs, 100)
    files = RawFiles(tmp_path)
    done = files.rotate(runs, keep_bytes=keep_bytes, keep_runs=keep_runs)
    assert (done.removed, done.runs, done.size_bytes) == (runs[kept:], kept, kept * 101)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {f"{run}.{stream}" for run in runs[:kept] for stream in ("stdout", "stderr")}
    again = files.rotate(runs, keep_bytes=keep_bytes, keep_runs=keep_runs)
    assert (again.removed, again.runs) == ([], kept)


def test_what_is_older_than_one_that_went_goes_too(tmp_path: Path) -> None:
    fill(tmp_path, ["run_3", "run_1"], 10)
    fill(tmp_path, ["run_2"], 500)
    done = RawFiles(tmp_path).rotate(["run_3", "run_2", "run_1"], keep_bytes=100, keep_runs=9)
    assert done.removed == ["run_2", "run_1"]


def test_runs_without_a_file_take_nobodys_place(tmp_path: Path) -> None:
    queued = [f"run_{number}" for number in range(9, 3, -1)]
    fill(tmp_path, ["run_3", "run_2", "run_1"], 10)
    done = RawFiles(tmp_path).rotate(
        [*queued, "run_3", "run_2", "run_1"], keep_bytes=0, keep_runs=2
    )
    assert done.removed == ["run_2", "run_1"], "the newest file stays, however large"
    fill(tmp_path, ["run_2", "run_1"], 10)
    done = RawFiles(tmp_path).rotate(
        [*queued, "run_3", "run_2", "run_1"], keep_bytes=10**6, keep_runs=2
    )
    assert done.removed == ["run_1"]


@pytest.mark.anyio
async def test_an_earlier_service_may_have_kept_many_more(tmp_path: Path) -> None:
    async with open_store(tmp_path / "db") as store:
        await store_agent(store)
        files = RawFiles(tmp_path)
        runs = [(await add_run(store, number, f"conv_{number}")).run_id for number in range(10, 30)]
        fill(tmp_path, runs, 10)
        await Rotation(store, files, LogSettings(agent_runs=3)).after("worker", runs[-1])
        assert [run for run in runs if files.size(run) is not None] == runs[-3:]


@pytest.mark.anyio
async def test_files_are_looked_at_only_when_there_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    rotate = RawFiles.rotate

    def counted(files: RawFiles, newest_first: list[str], **bounds: int) -> Rotated:
        looks.append(len(newest_first))
        return rotate(files, newest_first, **bounds)

    monkeypatch.setattr(RawFiles, "rotate", counted)
    async with open_store(tmp_path / "db") as store:
        await store_agent(store)
        files = RawFiles(tmp_path)
        rotation = Rotation(store, files, LogSettings(agent_runs=20, agent_bytes=10_000))

        async def over(number: int, size: int) -> None:
            record = await add_run(store, number, f"conv_{number}")
            fill(tmp_path, [record.run_id], size)
            await rotation.after("worker", record.run_id)

        for number in range(10, 32):
            await over(number, 10)
        assert looks == [1], "what an earlier service left, and two over are not worth it"
        await over(32, 10)
        assert looks == [1, 23]
        kept = [name for name in range(10, 33) if files.size(f"run_{name}") is not None]
        assert kept == list(range(13, 33))
        await over(33, 9_990)
        assert looks == [1, 23, 21]
        assert [n for n in range(10, 34) if files.size(f"run_{n}") is not None] == [33]


@pytest.mark.anyio
async def test_a_database_that_fails_then_harms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(agent_id: str, *, since: str) -> list[str]:
        raise StoreFullError("disk_full", "no room")

    async with open_store(tmp_path / "db") as store:
        rotation = Rotation(store, RawFiles(tmp_path), LogSettings())
        with monkeypatch.context() as patched, structlog.testing.capture_logs() as logs:
            patched.setattr(store.runs, "of_agent", full)
            await rotation.after("worker", "run_1")
        assert [entry["event"] for entry in logs] == ["raw_output_not_rotated"]


@pytest.mark.anyio
async def test_an_agent_keeps_the_output_of_its_newest_runs(
    serving: Serving, tmp_path: Path
) -> None:
    async with serving(agent_runs=3) as context:
        agent = await add_agent(context, tmp_path)
        spared = await start(context, await add_agent(context, tmp_path, "other"), "spared")
        await end_of(spared)
        for number in range(20):
            await run(context, agent, f"prompt {number}")
        files = RawFiles(context.raw_dir)
        newest = await context.store.runs.of_agent("worker", limit=99)
        with anyio.fail_after(20):
            while [run_id for run_id in newest if files.of_run(run_id)] != newest[:3]:
                await anyio.sleep(0.01)
        assert b"prompt 19" in files.path(newest[0], "stdout").read_bytes()
        assert files.of_run(spared.run_id)
