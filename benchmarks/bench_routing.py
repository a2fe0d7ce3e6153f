"""Routing: one decision, from a toggle to the next run on every surface, and what tmux adds."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import anyio
import structlog
from typer.main import get_command

from agent_runner import wire
from agent_runner.bus.observers import Observers
from agent_runner.cli.main import application
from agent_runner.routing.circuits import Circuits
from agent_runner.routing.guards import Guards
from agent_runner.routing.router import Router
from agent_runner.routing.terminals import Terminals
from agent_runner.routing.toggles import Toggles
from agent_runner.settings import AutomaticSettings, BreakerSettings
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
from conversation_store.records import AgentRecord, Cause
from conversation_store.sqlite.store import open_store
from fallback.decide import ShadowLegs
from fallback.plan import CommMode
from fallback.precedence import Scope

DECISIONS = 5000
TOGGLES = 100
TURNS = 30
COMMANDS = 31
DECISION_MS = 0.2
TOGGLE_MS = 10
TMUX_MS = 150
SCRIPTED = HERE.parent / "fixtures" / "scripted" / "cli.py"


async def decisions(folder: Path) -> dict[str, list[float]]:
    """Seconds of one plan, by what decides it: with a hundred agents' toggles standing."""
    now = wire.now()
    async with open_store(folder / "store.db") as store:
        toggles = Toggles(store, Observers())
        guards = Guards(store, toggles, AutomaticSettings())
        circuits = Circuits(store, BreakerSettings())
        terminals = Terminals({}, os.environ, enabled=True)
        router = Router(toggles, guards, circuits, terminals, ShadowLegs(primary=CommMode.TMUX))
        cause = Cause(by="bench", via="http", reason="bench")
        for number in range(100):
            await toggles.set((Scope.AGENT, f"agent{number}"), "tmux", cause)

        def agent(name: str, mode: str) -> AgentRecord:
            return AgentRecord(
                agent_id=name,
                type="claude-code",
                comm_mode=mode,
                options={"cwd": str(folder)},
                created_at=now,
                updated_at=now,
            )

        def timed(plan: Callable[[], Any]) -> list[float]:
            times = []
            for _ in range(DECISIONS):
                begun = time.perf_counter()
                plan()
                times.append(time.perf_counter() - begun)
            return times

        free, forced = agent("free", "headless"), agent("agent7", "headless")
        shadow = agent("free", "shadow")
        return {
            "commMode headless": timed(lambda: router.plan(free, None, begins=True)),
            "a toggle, to tmux": timed(lambda: router.plan(forced, None, begins=True)),
            "commMode shadow": timed(lambda: router.plan(shadow, None, begins=True)),
        }


async def toggled(at: Service) -> tuple[list[float], list[float]]:
    """Seconds until a toggle is answered, and until its event is on the stream."""
    answered: list[float] = []
    heard: list[float] = []
    begun = 0.0
    async with connected(at) as change, connected(at) as watch, connected(at) as ask:
        await register(at, "one")
        stream = watch.stream("GET", "/api/fallback/events")

        async def listen() -> None:
            async for chunk in stream:
                if b"event: toggle." in chunk:
                    heard.append(time.perf_counter() - begun)
                    if len(heard) == TOGGLES:
                        return

        listener = asyncio.create_task(listen())
        await asyncio.sleep(0.2)
        for number in range(TOGGLES):
            mode = "headless" if number % 2 else "tmux"
            begun = time.perf_counter()
            body = {"agentId": "one", "mode": mode}
            await change.call("POST", "/api/fallback/agent/force", body)
            answered.append(time.perf_counter() - begun)
            found = await ask.call("GET", "/api/fallback/status")
            assert found["agents"][-1]["mode"] == mode, found
            while len(heard) <= number:
                await asyncio.sleep(0.001)
        await listener
    return answered, heard


def by_command(at: Service, times: int) -> list[float]:
    """Seconds that the console command takes to change a toggle, once Python has started."""
    where = ["--url", f"http://{at.host}:{at.port}", "--token", at.token]
    command = get_command(application(["fallback"]))
    taken = []
    for number in range(times):
        mode = "headless" if number % 2 else "tmux"
        arguments = ["fallback", "agent", "force", "one", "--mode", mode, *where]
        with redirect_stdout(io.StringIO()):
            begun = time.perf_counter()
            command.main(arguments, standalone_mode=False)
            taken.append(time.perf_counter() - begun)
    return taken[1:]


async def turns(at: Service, mode: str) -> list[float]:
    """Seconds of a warm turn in this mode, from the request to the answer."""
    name = f"agent-{mode}"
    await register(at, name)
    async with connected(at) as connection:
        return [await _turn(connection, name, mode) for _ in range(TURNS)]
    raise AssertionError("unreachable")


async def _turn(connection: Connection, name: str, mode: str) -> float:
    begun = time.perf_counter()
    body = {"prompt": "hi", "mode": mode}
    answer = await connection.call("POST", f"/agents/{name}/execute", body)
    assert answer["success"], answer
    return time.perf_counter() - begun


def _program(folder: Path) -> Path:
    program = folder / "claude"
    program.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -I -S "{SCRIPTED}" --dialect=claude "$@"\n'
    )
    program.chmod(0o755)
    return program


def main() -> None:
    """Print the table."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    heading("Routing")
    columns("limit")
    with tempfile.TemporaryDirectory(prefix="bench") as name:
        folder = Path(name)
        for what, times in anyio.run(decisions, folder).items():
            ms = quantile(times, 0.99) * 1e3
            row(
                f"a decision, p99, ms: {what}",
                f"{ms:.4f}",
                f"{DECISION_MS}",
                f"{ms / DECISION_MS:.2f}x",
                f"< {DECISION_MS} ms: {verdict(ms < DECISION_MS)}",
            )
        with service(_program(folder), warm_processes=8) as at:
            answered, heard = asyncio.run(toggled(at))
            command = by_command(at, COMMANDS)
            for what, times in (
                ("HTTP: answered, and counts", answered),
                ("on the event stream", heard),
                ("console command, once started", command),
            ):
                ms = median(times) * 1e3
                row(
                    f"a toggle, p50, ms: {what}",
                    f"{ms:.2f}",
                    f"{TOGGLE_MS}",
                    f"{ms / TOGGLE_MS:.2f}x",
                    f"< {TOGGLE_MS} ms: {verdict(ms < TOGGLE_MS)}",
                )
            if shutil.which("tmux") is None:
                print("  tmux is not installed: what it adds was not measured")
                return
            headless = median(asyncio.run(turns(at, "headless"))[2:]) * 1e3
            tmux = median(asyncio.run(turns(at, "tmux"))[2:]) * 1e3
            row(
                "a warm turn in tmux, scripted UI, ms",
                f"{tmux:.1f}",
                f"{headless:.1f} headless",
                f"{tmux / headless:.1f}x",
                f"adds {tmux - headless:.0f} < {TMUX_MS} ms: {verdict(tmux - headless < TMUX_MS)}",
            )


if __name__ == "__main__":
    main()
