"""Raw output is kept whole for the newest runs, and goes with the oldest."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from agent_runner.runs.raw_files import RawFiles
from tests.conftest import Serving
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
    removed = files.rotate(runs, keep_bytes=keep_bytes, keep_runs=keep_runs)
    assert removed == runs[kept:]
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {f"{run}.{stream}" for run in runs[:kept] for stream in ("stdout", "stderr")}
    assert files.rotate(runs, keep_bytes=keep_bytes, keep_runs=keep_runs) == []


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
