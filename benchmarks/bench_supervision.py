"""What supervision costs, and how fast it ends things."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import anyio
import psutil

from agent_runner.process.child import spawn
from agent_runner.process.warden import Warden, open_warden
from benchmarks.harness import (
    HERE,
    Service,
    columns,
    connected,
    heading,
    median,
    register,
    row,
    service,
    verdict,
)
from conversation_store.sqlite.store import open_store

SAMPLES = 40
TOGETHER = 200
FAMILY = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for number in range(100):
    if os.fork() == 0:
        if number % 5 == 0:
            os.setsid()
        if number % 10 == 0 and os.fork():
            os._exit(0)
        while True:
            time.sleep(100)
time.sleep(0.1)
print("ready", flush=True)
time.sleep(100)
"""
OPEN_RUNS = 1000


def cold_start_bare() -> float:
    """Seconds from a plain subprocess's start to its first byte."""
    begun = time.perf_counter()
    with subprocess.Popen(
        ["/bin/echo", "x"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.read(1)
        return time.perf_counter() - begun


async def cold_start_kept(warden: Warden) -> float:
    """The same by way of a keeper, held and let go."""
    begun = time.perf_counter()
    child = await spawn(warden, ["/bin/echo", "x"], cwd="/", env={}, process_id="bench")
    await child.go()
    await child.read_stdout()
    took = time.perf_counter() - begun
    await child.end()
    child.close()
    return took


async def cold_starts() -> tuple[list[float], list[float]]:
    """Bare and kept, in turn."""
    bare, kept = [], []
    async with open_warden() as warden:
        for sample in range(SAMPLES + 5):
            bare.append(cold_start_bare())
            kept.append(await cold_start_kept(warden))
            if sample < 5:
                bare.clear()
                kept.clear()
    return bare, kept


async def end_of_a_family(grace: float) -> list[float]:
    """Seconds beyond the grace until a hundred processes that ignore TERM are gone."""
    over = []
    async with open_warden() as warden:
        for _ in range(5):
            argv = [sys.executable, "-I", "-S", "-c", FAMILY]
            env = {"PATH": os.environ["PATH"]}
            child = await spawn(warden, argv, cwd="/", env=env, process_id="bench")
            await child.go()
            while b"ready" not in await child.read_stdout():
                pass
            begun = time.perf_counter()
            await child.end(term_grace=grace)
            assert child.empty
            over.append(time.perf_counter() - begun - grace)
            child.close()
    return over


async def many_at_once(at: Service) -> tuple[float, int, int]:
    """Seconds for many runs at once, how many succeeded, and bytes of service memory for them."""
    for number in range(TOGETHER):
        await register(at, f"agent-{number}")
    before = at.resident()
    at.reset_peak()
    body = {"prompt": "wait"}

    async def one(number: int) -> bool:
        async with connected(at) as connection:
            answer = await connection.call("POST", f"/agents/agent-{number}/execute", body)
            return bool(answer.get("success"))

    begun = time.perf_counter()
    ends = await asyncio.gather(*(one(number) for number in range(TOGETHER)))
    return time.perf_counter() - begun, sum(ends), at.peak() - before


def keepers_memory(at: Service) -> int:
    """Private memory of the warden and its keepers."""
    total = 0
    for process in psutil.Process(at.process.pid).children(recursive=True):
        try:
            if "keeper.py" in " ".join(process.cmdline()):
                total += process.memory_full_info().uss
        except psutil.Error:
            continue
    return total


async def fill(database: Path) -> None:
    """A database with many runs that nothing drives any more."""
    async with open_store(database) as store:
        await store.agents.add(
            "a", agent_type="replay", comm_mode="headless", options={"cwd": "/"}, now="2026"
        )
    connection = sqlite3.connect(database)
    for number in range(OPEN_RUNS):
        state = "queued" if number else "running"
        connection.execute(
            "INSERT INTO conversations (conversation_id, agent_id, state, created_at, updated_at)"
            " VALUES (?, 'a', 'open', '2026', '2026')",
            (f"conv_{number}",),
        )
        connection.execute(
            "INSERT INTO runs (run_id, conversation_id, agent_id, state, mode, reason, metadata,"
            " timeout_ms, queued_at) VALUES (?, ?, 'a', ?, 'headless', '', '{}', 1000, '2026')",
            (f"run_{number}", f"conv_{number}", state),
        )
        connection.execute(
            "INSERT INTO processes VALUES (?, ?, ?, 'a', ?, 1, 'an earlier boot', '2026')",
            (f"proc_{number}", f"run_{number}", f"conv_{number}", 100_000 + number),
        )
    connection.commit()
    connection.close()


def restart() -> float:
    """Seconds from the start of the service to its first answer, with many open runs."""
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        state = Path(folder) / "state"
        state.mkdir()
        anyio.run(fill, state / "agent-runner.db")
        config = Path(folder) / "config.yaml"
        config.write_text(json.dumps({"supervision": {"resume_queued": False}}))
        begun = time.perf_counter()
        with subprocess.Popen(
            [
                *(sys.executable, "-m", "agent_runner.cli.main", "serve", "--port", "0"),
                *("--state-dir", str(state), "--config", str(config)),
            ],
            env={"PATH": os.environ["PATH"], "HOME": folder},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            assert process.stdout is not None
            while "listens on" not in process.stdout.readline():
                pass
            took = time.perf_counter() - begun
            process.terminate()
            process.stdout.read()
        return took


def main() -> None:
    """Print the table."""
    heading("Supervision")
    columns("limit or peer")
    bare, kept = asyncio.run(cold_starts())
    added = (median(kept) - median(bare)) * 1e3
    row("cold start by a keeper, ms, beside a plain subprocess", f"{median(kept) * 1e3:.2f}",
        f"{median(bare) * 1e3:.2f}", f"{median(kept) / median(bare):.1f}x",
        f"adds {added:.1f} <= 25 ms: {verdict(added <= 25)}")  # fmt: skip
    over = asyncio.run(end_of_a_family(0.5))
    row("100 processes that ignore TERM, gone s after the grace", f"{max(over):.2f}", "1 wanted",
        f"{max(over):.2f}x", verdict(max(over) <= 1))  # fmt: skip
    with service(HERE / "patient.sh", warm_processes=0) as at:
        took, succeeded, grown = asyncio.run(many_at_once(at))
    each = grown / TOGETHER / 2**20
    row(f"{TOGETHER} runs at once: succeeded", str(succeeded), f"{TOGETHER} wanted",
        f"{succeeded / TOGETHER:.2f}x", verdict(succeeded == TOGETHER))  # fmt: skip
    row("  service memory for each, MiB", f"{each:.2f}", "1 wanted", f"{each:.2f}x",
        verdict(each <= 1))  # fmt: skip
    row("  all of them over, s (each waits 3 s)", f"{took:.1f}", "", "", "")
    with service(HERE / "patient.sh", warm_processes=0) as at:
        asyncio.run(_hold(at))
    ready = restart()
    row(f"start to first answer with {OPEN_RUNS} open runs, s", f"{ready:.2f}", "3 wanted",
        f"{ready / 3:.2f}x", verdict(ready <= 3))  # fmt: skip


async def _hold(at: Service) -> None:
    await register(at, "held")
    async with connected(at) as connection:
        call = asyncio.create_task(
            connection.call("POST", "/agents/held/execute", {"prompt": "wait"})
        )
        await asyncio.sleep(1)
        row("  warden and one keeper, private memory, MiB", f"{keepers_memory(at) / 2**20:.1f}", "",
            "", "")  # fmt: skip
        await call


if __name__ == "__main__":
    main()
