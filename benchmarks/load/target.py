"""The service under load: its agents, prompts to them, and what is left of it at the end."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil

from agent_runner.process.identity import MARKER
from benchmarks.harness import HERE, Service, connected, service
from benchmarks.load.result import Sample

SCRIPTED = HERE.parent / "fixtures" / "scripted" / "cli.py"
PATIENCE_S = 300.0
GONE_S = 10.0


class Cli(msgspec.Struct, frozen=True, kw_only=True):
    """What is driven: the program of an agent type; `env` is the agents' own."""

    type: str
    program: str
    env: dict[str, str] = {}

    @property
    def scripted(self) -> bool:
        """True for the stand-in, which does what its prompt says."""
        return self.program == ""


class Target:
    """A running service with agents `agent0` to `agentN`."""

    def __init__(self, at: Service, cli: Cli, agents: Sequence[str]) -> None:
        self.at = at
        self.agents = list(agents)
        self.cli = cli
        self.cpu_before = at.cpu_seconds()

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One request."""
        async with connected(self.at) as connection:
            return await connection.call(method, path, body)

    async def prompt(self, agent: str, text: str, **fields: Any) -> Sample:
        """One prompt and what became of it; no run if the service gave no answer in time."""
        begun = time.perf_counter()
        run: dict[str, Any] | None = None
        try:
            async with asyncio.timeout(PATIENCE_S):
                body = {"prompt": text, **fields}
                run = await self.call("POST", f"/agents/{agent}/execute", body)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            run = None
        if run is not None and "run" in run:
            run = run["run"]
        return Sample(run=run, seconds=time.perf_counter() - begun, agent=agent)

    async def burst(self, count: int, mode: Callable[[int], str | None]) -> list[Sample]:
        """`count` prompts at once, over all agents in turn."""
        return list(
            await asyncio.gather(
                *(
                    self.prompt(
                        self.agents[number % len(self.agents)],
                        f"hello {number}",
                        **_mode(mode(number)),
                    )
                    for number in range(count)
                )
            )
        )

    async def pids(self) -> list[int]:
        """The processes of the CLIs."""
        found = await self.call("GET", "/agents/processes/status")
        return [int(process["pid"]) for process in found["processes"]]


def _mode(mode: str | None) -> dict[str, str]:
    return {} if mode is None else {"mode": mode}


def run_target(
    cli: Cli, agents: int, work: Callable[[Target], Awaitable[Any]], **options: Any
) -> tuple[Any, int, float, int]:
    """What `work` returns, the service's most memory and CPU seconds, and the orphans after it."""
    names = [f"agent{number}" for number in range(agents)]
    limits: dict[str, Any] = {
        "queue_depth": 1000,
        "queue_wait_ms": 300_000,
        "warm_processes": 2 * agents,
    }
    programs = {} if cli.scripted else {cli.type: cli.program}

    def prepare(root: Path) -> None:
        program = root / "scripted"
        program.write_text(
            f'#!/bin/sh\nexec "{sys.executable}" -I -S "{SCRIPTED}" --dialect=claude "$@"\n'
        )
        program.chmod(0o755)
        for name in names:
            (root / name).mkdir()

    async def main(at: Service, root: Path) -> Any:
        target = Target(at, cli, names)
        for name in names:
            agent = {"agentId": name, "type": cli.type, "cwd": str(root / name), "env": cli.env}
            await target.call("POST", "/agents/register", {**agent, **options})
        return await work(target)

    with service("{root}/scripted", programs=programs, prepare=prepare, **limits) as at:
        marks = _marks(at)
        found = asyncio.run(main(at, at.root))
        memory, cpu = at.peak(), at.cpu_seconds()
    return found, memory, cpu, _orphans(marks)


def _marks(at: Service) -> bytes:
    return f"HOME={at.root}\0".encode()


def _orphans(mark: bytes) -> int:
    """Processes of this service's CLIs that are left once it has ended."""
    deadline = time.monotonic() + GONE_S
    while (count := sum(_is_ours(pid, mark) for pid in psutil.pids())) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.05)
    return count


def _is_ours(pid: int, mark: bytes) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return mark in environment and MARKER.encode() in environment and pid != os.getpid()


@asynccontextmanager
async def background(work: Awaitable[None]) -> AsyncIterator[None]:
    """`work` beside the block, ended with it."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
