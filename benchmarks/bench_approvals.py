"""Approvals: from the CLI's question to who watches, from the decision to the CLI; many pending."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import anyio

from agent_runner import wire
from agent_runner.approvals.canonical import input_hash
from benchmarks.harness import (
    HERE,
    Connection,
    Service,
    columns,
    connected,
    heading,
    median,
    quantile,
    register,
    row,
    service,
    verdict,
)
from conversation_store.records import Move, NewApproval, NewRun
from conversation_store.sqlite.store import open_store
from conversation_store.states import ApprovalKind, RunState

QUESTIONS = 300
PENDING = 1000
TURNS = 100
IDLE_S = 5.0
TARGET_MS = 10
MOST_ADDED_MS = 0.5
ROUNDS = 3


def monotonic() -> float:
    """The clock that the CLI's stand-in notes by."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)


async def questions(at: Service) -> tuple[list[float], list[float]]:
    """Seconds from a question to its event, and from the decision to the CLI's stdin."""
    await register(at, "asker")
    log = at.root / "asked"
    seen: dict[str, float] = {}
    sent: dict[str, float] = {}
    async with connected(at) as watch, connected(at) as run, connected(at) as approvals:
        stream = watch.stream("GET", "/approvals/events")
        body = {"prompt": f"{QUESTIONS} {log}"}
        turn = asyncio.create_task(run.call("POST", "/agents/asker/execute", body))
        held = b""
        async for piece in stream:
            arrived = monotonic()
            *frames, held = (held + piece).split(b"\n\n")
            for frame in frames:
                if b"event: approval.requested\n" not in frame:
                    continue
                approval = json.loads(frame.partition(b"data: ")[2])["approval"]
                seen[approval["requestId"]] = arrived
                sent[approval["requestId"]] = monotonic()
                await _approve(approvals, approval)
            if len(seen) == QUESTIONS:
                break
        assert (await turn)["success"]
    asked, heard = {}, {}
    for line in log.read_text().splitlines():
        request_id, printed, read = line.split()
        asked[request_id], heard[request_id] = float(printed), float(read)
    return [seen[i] - asked[i] for i in asked], [heard[i] - sent[i] for i in asked]


async def _approve(approvals: Connection, approval: dict[str, Any]) -> None:
    body = {"decision": "approve", "inputHash": approval["inputHash"]}
    await approvals.call("POST", f"/approvals/{approval['approvalId']}/decide", body)


def commits(samples: int) -> list[float]:
    """Seconds of a transaction with one row that is on the disk when it returns."""
    taken = []
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        connection = sqlite3.connect(f"{folder}/one.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE t (x TEXT)")
        for _ in range(samples):
            begun = time.perf_counter()
            connection.execute("INSERT INTO t VALUES (?)", ("x" * 2000,))
            taken.append(time.perf_counter() - begun)
        connection.close()
    return taken


def pipes(samples: int) -> list[float]:
    """Seconds from a write to a pipe to its reading by another thread."""
    read, write = os.pipe()
    heard: list[float] = []
    begun = []

    def listen() -> None:
        for _ in range(samples):
            os.read(read, 100)
            heard.append(monotonic())

    thread = threading.Thread(target=listen)
    thread.start()
    for number in range(samples):
        begun.append(monotonic())
        os.write(write, b"x")
        while len(heard) <= number:
            time.sleep(0.0005)
    thread.join()
    os.close(read)
    os.close(write)
    return [b - a for a, b in zip(begun, heard, strict=True)]


def hold(root: Path) -> None:
    """Leave runs that wait for a decision and have no process, each of an agent of its own."""
    state = root / "state"
    state.mkdir(mode=0o700)
    anyio.run(_hold, state / "agent-runner.db", str(root))


async def _hold(database: Path, cwd: str) -> None:
    now = wire.now()
    later = wire.later(now, 86_400)
    async with open_store(database) as store:

        async def one(number: int) -> None:
            agent, name = f"held-{number}", f"{number:04}"
            await store.agents.add(
                agent,
                agent_type="claude-code",
                comm_mode="headless",
                options={"cwd": cwd},
                now=now,
            )
            run = NewRun(
                run_id=f"run_{name}",
                turn_id=f"turn_{name}",
                conversation_id=f"conv_{name}",
                conversation_is_new=True,
                agent_id=agent,
                prompt="wait",
                mode="headless",
                reason="",
                timeout_ms=1000,
                metadata={},
                queued_at=now,
            )
            await store.runs.accept(run, [])
            targets = (RunState.STARTING, RunState.RUNNING)
            await store.runs.move(Move(run_id=run.run_id, targets=targets, now=now))
            asked = {"command": f"make {name}"}
            approval = NewApproval(
                approval_id=f"appr_{name}",
                conversation_id=run.conversation_id,
                run_id=run.run_id,
                agent_id=agent,
                process_id=f"proc_{name}",
                request_id="q",
                tool_call_id=None,
                kind=ApprovalKind.PERMISSION,
                tool="Bash",
                question="May the agent use Bash?",
                input=asked,
                input_hash=input_hash("Bash", asked),
                nonce="0",
                options=[],
                hints={},
                features=[],
                deciders=[],
                created_at=now,
                expires_at=later,
                warn_at=later,
            )
            await store.approvals.open(approval, [])

        async with anyio.create_task_group() as tasks:
            for number in range(PENDING):
                tasks.start_soon(one, number)


async def turns(at: Service) -> list[float]:
    """Seconds of each of another agent's warm turns."""
    taken = []
    async with connected(at) as connection:
        for _ in range(TURNS + 10):
            begun = time.perf_counter()
            body = {"prompt": "0 -"}
            assert (await connection.call("POST", "/agents/other/execute", body))["success"]
            taken.append(time.perf_counter() - begun)
    return taken[10:]


async def idle(at: Service) -> float:
    """The share of a processor that the service uses while nothing happens."""
    await asyncio.sleep(2)
    begun = at.cpu_seconds()
    await asyncio.sleep(IDLE_S)
    return (at.cpu_seconds() - begun) / IDLE_S


async def beside(at: Service, pending: int) -> tuple[float, float]:
    """Median seconds of a turn and the idle share of a processor, with so many pending."""
    async with connected(at) as connection:
        page = await connection.call("GET", "/approvals?limit=1")
        assert page["pending"] == pending
    await register(at, "other")
    used = await idle(at)
    return median(await turns(at)), used


def main() -> None:
    """Print the table."""
    heading(f"Approvals, of {QUESTIONS} questions one after the other; load {os.getloadavg()[0]}")
    columns("limit")
    commit, pipe = median(commits(QUESTIONS)) * 1e3, median(pipes(QUESTIONS)) * 1e3
    with service(HERE / "asker.sh") as at:
        shown, told = asyncio.run(questions(at))
    limit = f"{commit + pipe:.2f} commit + pipe"
    for what, taken in (
        ("question to /approvals/events, p50 ms", shown),
        ("decision POST to the CLI's stdin, p50 ms", told),
    ):
        ours = median(taken) * 1e3
        row(what, f"{ours:.2f}", limit, f"{ours / (commit + pipe):.1f}x",
            f"<= {TARGET_MS} ms: {verdict(ours <= TARGET_MS)}")  # fmt: skip
        row("  p99 ms", f"{quantile(taken, 0.99) * 1e3:.2f}", "", "", "")
    row("  one durable SQLite commit | a pipe, p50 ms", "", f"{commit:.2f} | {pipe:.3f}", "", "")

    # In turn, so that a machine that is busy for a while is so for both.
    alone, crowded = [], []
    for _ in range(ROUNDS):
        with service(HERE / "asker.sh") as at:
            alone.append(asyncio.run(beside(at, 0)))
        with service(HERE / "asker.sh", prepare=hold) as at:
            crowded.append(asyncio.run(beside(at, PENDING)))
    turn, turn_alone = (median([t for t, _ in some]) * 1e3 for some in (crowded, alone))
    added = turn - turn_alone
    row(f"another agent's turn beside {PENDING} pending, ms", f"{turn:.2f}",
        f"{turn_alone:.2f} beside none", f"{turn / turn_alone:.2f}x",
        f"adds {added:.2f} <= {MOST_ADDED_MS} ms: {verdict(added <= MOST_ADDED_MS)}")  # fmt: skip
    used, used_alone = (median([u for _, u in some]) * 100 for some in (crowded, alone))
    row("  idle service, % of a processor", f"{used:.2f}", f"{used_alone:.2f} beside none", "",
        f"+1 at most: {verdict(used - used_alone <= 1)}")  # fmt: skip


if __name__ == "__main__":
    main()
