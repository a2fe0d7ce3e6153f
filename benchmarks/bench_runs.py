"""Overhead of a run over the bare CLI, cold and warm; prompts per second over 10 agents.

Beside the overhead stands that of `least.py`: what HTTP and two commits on the disk take on
this machine, and now, without a service. The three are measured in turn, as a machine's speed
drifts. A run wakes eight sleepers, one after the other; what it takes where a processor need not
be woken for that is measured too.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.awake import awake
from benchmarks.harness import (
    HERE,
    Service,
    columns,
    connected,
    heading,
    median,
    new_folder,
    register,
    row,
    service,
    verdict,
)

CLI = HERE / "instant.sh"
ROUNDS = 10
SAMPLES = 25
UNCOUNTED = 5
AGENTS = 10
PROMPTS = 100
USER = b'{"type":"user","message":{"role":"user","content":"hi"}}\n'


async def bare_cold(samples: int) -> list[float]:
    """Start the CLI, give it a prompt, read its result, see it exit: seconds each."""
    return [await _bare_cold() for _ in range(samples)]


async def _bare_cold() -> float:
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        str(CLI), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(USER)
    while not (await process.stdout.readline()).startswith(b'{"type":"result"'):
        pass
    process.stdin.close()
    await process.wait()
    return time.perf_counter() - begun


async def bare_warm(samples: int) -> list[float]:
    """The same on a process that stays."""
    process = await asyncio.create_subprocess_exec(
        str(CLI), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    times = []
    for _ in range(samples):
        begun = time.perf_counter()
        process.stdin.write(USER)
        while not (await process.stdout.readline()).startswith(b'{"type":"result"'):
            pass
        times.append(time.perf_counter() - begun)
    process.stdin.close()
    await process.wait()
    return times


BARE = {"cold": bare_cold, "warm": bare_warm}


@contextmanager
def least(form: str) -> Iterator[Service]:
    """The least there is that keeps a run, as a program."""
    root = new_folder()
    argv = [sys.executable, str(HERE / "least.py"), str(root), str(CLI), form]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url = f"http://127.0.0.1:{process.stdout.readline().strip()}"
            yield Service(process, url, "none", root)
        finally:
            process.terminate()


async def by_http(at: Service, samples: int) -> list[float]:
    """A prompt by HTTP and its JSON answer, one after the other: seconds each."""
    times = []
    async with connected(at) as connection:
        for _ in range(samples):
            begun = time.perf_counter()
            answer = await connection.call("POST", "/agents/one/execute", {"prompt": "hi"})
            times.append(time.perf_counter() - begun)
            assert answer["success"], answer
    return times


async def in_turn(name: str, ours: Service, limit: Service) -> tuple[float, float, float]:
    """What a run takes by the service, by the bare CLI and by the least: medians in ms."""
    times: tuple[list[float], ...] = ([], [], [])
    for _ in range(ROUNDS):
        samples = (
            await by_http(ours, UNCOUNTED + SAMPLES),
            await BARE[name](UNCOUNTED + SAMPLES),
            await by_http(limit, UNCOUNTED + SAMPLES),
        )
        for all_times, new in zip(times, samples, strict=True):
            all_times += new[UNCOUNTED:]
    ours_s, bare_s, least_s = map(median, times)
    return ours_s * 1e3, bare_s * 1e3, least_s * 1e3


async def overhead(name: str, ours: Service, limit: Service, limit_ms: int) -> None:
    """Print the rows of what a run takes."""
    await register(ours, "one")
    a, b, c = await in_turn(name, ours, limit)
    row(f"{name}: one run, ms", f"{a:.2f}", f"{b:.2f}", f"{a / b:.1f}x")
    _print_overhead(f"{name}: overhead, ms", a - b, c - b, limit_ms)
    with awake() as held:
        if held:
            a, b, c = await in_turn(name, ours, limit)
            _print_overhead(f"{name}: the same, processors awake", a - b, c - b, limit_ms)


def _print_overhead(what: str, ours: float, least_ms: float, limit_ms: int) -> None:
    row(
        what,
        f"{ours:.2f}",
        f"{least_ms:.2f} the least",
        f"{ours / least_ms:.1f}x",
        f"<= {limit_ms}: {verdict(ours <= limit_ms)}",
    )


async def burst(at: Service) -> float:
    """Prompts per second: PROMPTS over AGENTS, all at once, twice; the second counts."""
    for number in range(AGENTS):
        await register(at, f"agent{number}")

    async def one(number: int) -> None:
        async with connected(at) as connection:
            path = f"/agents/agent{number % AGENTS}/execute"
            answer = await connection.call("POST", path, {"prompt": "hi"})
            assert answer["success"], answer

    rate = 0.0
    for _ in range(2):
        begun = time.perf_counter()
        await asyncio.gather(*(one(number) for number in range(PROMPTS)))
        rate = PROMPTS / (time.perf_counter() - begun)
    return rate


def main() -> None:
    """Print the table."""
    heading(f"Runs of a CLI that answers at once: {PROMPTS} prompts over {AGENTS} agents")
    columns("bare CLI")
    for name, warm, limit_ms, limit_rate in (("cold", 0, 10, 40), ("warm", 16, 3, 100)):
        with service(CLI, warm_processes=warm) as ours, least(name) as limit:
            asyncio.run(overhead(name, ours, limit, limit_ms))
        with service(CLI, warm_processes=warm) as at:
            rate = asyncio.run(burst(at))
        row(
            f"{name}: prompts per second",
            f"{rate:.0f}",
            f"{limit_rate} wanted",
            f"{rate / limit_rate:.1f}x",
            f">= {limit_rate}: {verdict(rate >= limit_rate)}",
        )


if __name__ == "__main__":
    main()
