"""The scenarios, each with its exit criteria."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from itertools import pairwise

from benchmarks.load.result import Criterion, Result, Sample, at_least, at_most, result
from benchmarks.load.target import Cli, Target, background, run_target

AGENTS = 10
SERIAL = 40
KILL_EVERY_S = 0.03
SOAK_SAMPLE_S = 1.0
WARM_UP_SHARE = 0.3

Scenario = Callable[[Cli, int, float], Result]


def burst_tmux(cli: Cli, prompts: int, minutes: float) -> Result:
    """Prompts all at once, each in tmux."""
    return _burst(cli, "burst tmux", prompts, lambda _: "tmux")


def burst_headless(cli: Cli, prompts: int, minutes: float) -> Result:
    """Prompts all at once, each headless."""
    return _burst(cli, "burst headless", prompts, lambda _: "headless")


def mixed(cli: Cli, prompts: int, minutes: float) -> Result:
    """Half of the prompts in each mode, all at once."""
    return _burst(cli, "mixed", prompts, lambda number: ("tmux", "headless")[number // 3 % 2])


def _burst(cli: Cli, name: str, prompts: int, mode: Callable[[int], str | None]) -> Result:
    async def work(target: Target) -> tuple[list[Sample], float]:
        begun = time.perf_counter()
        samples = await target.burst(prompts, mode)
        return samples, time.perf_counter() - begun

    (samples, took), memory, cpu, orphans = run_target(cli, AGENTS, work)
    criteria = [at_least("success", _share(samples), 0.95)]
    return result(name, samples, criteria, took=took, memory=memory, cpu=cpu, orphans=orphans)


def one_agent(cli: Cli, prompts: int, minutes: float) -> Result:
    """Prompts at once to one agent: they must run one after the other."""

    async def work(target: Target) -> tuple[list[Sample], float]:
        begun = time.perf_counter()
        samples = await target.burst(min(prompts, SERIAL), lambda _: None)
        return samples, time.perf_counter() - begun

    (samples, took), memory, cpu, orphans = run_target(cli, 1, work)
    spans = sorted(
        (sample.run["startedAt"], sample.run["finishedAt"])
        for sample in samples
        if sample.run is not None
    )
    clean = [earlier[1] <= later[0] for earlier, later in pairwise(spans)]
    serial = sum(clean) / max(1, len(clean))
    criteria = [
        at_least("success", _share(samples), 0.95),
        Criterion(name="serialised", figure=serial, wanted="100%", met=serial == 1.0),
    ]
    return result(
        "one agent", samples, criteria, took=took, memory=memory, cpu=cpu, orphans=orphans
    )


def faults(cli: Cli, prompts: int, minutes: float) -> Result:
    """Prompts while CLIs are killed at random; then every agent must answer again."""

    async def kill(target: Target) -> None:
        while True:
            await asyncio.sleep(KILL_EVERY_S)
            for pid in (await target.pids())[:1]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue

    async def work(target: Target) -> tuple[list[Sample], list[Sample], float]:
        begun = time.perf_counter()
        async with background(kill(target)):
            samples = await target.burst(prompts, lambda number: ("headless", None)[number % 2])
        took = time.perf_counter() - begun
        await target.call("POST", "/api/fallback/clear-all", {})
        for agent in target.agents:
            await target.call("POST", f"/agents/{agent}/circuit/reset", {})
        return samples, await target.burst(len(target.agents), lambda _: None), took

    (samples, after, took), memory, cpu, orphans = run_target(cli, AGENTS, work)
    criteria = [
        at_least("recovered", _share(after), 0.8),
        at_most("lost", _lost(samples) / len(samples), 0.01),
    ]
    return result(
        "faults",
        samples,
        criteria,
        took=took,
        memory=memory,
        cpu=cpu,
        orphans=orphans,
        note=f"a CLI is killed every {KILL_EVERY_S * 1000:.0f} ms",
    )


def flip(cli: Cli, prompts: int, minutes: float) -> Result:
    """The CLI type is disabled in the middle of the prompts."""

    async def work(target: Target) -> tuple[list[Sample], float]:
        async def turn(done: list[int]) -> None:
            while len(done) < prompts // 2:
                await asyncio.sleep(0.005)
            body = {"type": target.cli.type, "reason": "load test"}
            await target.call("POST", "/api/fallback/cli/disable", body)

        done: list[int] = []

        async def one(number: int) -> Sample:
            agent = target.agents[number % len(target.agents)]
            sample = await target.prompt(agent, f"hello {number}")
            done.append(number)
            return sample

        begun = time.perf_counter()
        samples, _ = await asyncio.gather(
            asyncio.gather(*(one(number) for number in range(prompts))), turn(done)
        )
        return list(samples), time.perf_counter() - begun

    (samples, took), memory, cpu, orphans = run_target(cli, AGENTS, work)
    lost = 1 - _share(samples)
    criteria = [at_most("lost", lost, 0.01)]
    return result(
        "fallback flip", samples, criteria, took=took, memory=memory, cpu=cpu, orphans=orphans
    )


def shadow(cli: Cli, prompts: int, minutes: float) -> Result:
    """Prompts in shadow mode, all at once."""

    async def work(target: Target) -> tuple[list[Sample], float]:
        begun = time.perf_counter()
        samples = await target.burst(prompts // 2, lambda _: "shadow")
        return samples, time.perf_counter() - begun

    (samples, took), memory, cpu, orphans = run_target(cli, AGENTS, work)
    criteria = [at_least("success", _share(samples), 0.95)]
    return result("shadow", samples, criteria, took=took, memory=memory, cpu=cpu, orphans=orphans)


def soak(cli: Cli, prompts: int, minutes: float) -> Result:
    """Steady prompts in both modes; the service must not grow."""

    async def user(target: Target, agent: str, until: float, samples: list[Sample]) -> None:
        number = 0
        while time.monotonic() < until:
            number += 1
            mode = "tmux" if number % 5 == 0 else "headless"
            samples.append(await target.prompt(agent, f"hello {number}", mode=mode))

    async def work(target: Target) -> tuple[list[Sample], float, float]:
        begun = time.monotonic()
        until = begun + minutes * 60
        samples: list[Sample] = []
        memory: list[int] = []

        async def watch() -> None:
            while True:
                if time.monotonic() > begun + WARM_UP_SHARE * minutes * 60:
                    memory.append(target.at.resident())
                await asyncio.sleep(SOAK_SAMPLE_S)

        async with background(watch()):
            await asyncio.gather(*(user(target, a, until, samples) for a in target.agents[:4]))
        third = max(1, len(memory) // 3)
        first, last = sum(memory[:third]) / third, sum(memory[-third:]) / third
        return samples, last / first - 1, time.monotonic() - begun

    (samples, growth, took), memory, cpu, orphans = run_target(cli, AGENTS, work)
    criteria = [
        at_least("success", _share(samples), 0.95),
        at_most("memory growth", growth, 0.05),
    ]
    return result("soak", samples, criteria, took=took, memory=memory, cpu=cpu, orphans=orphans)


SCENARIOS: dict[str, Scenario] = {
    "burst-tmux": burst_tmux,
    "burst-headless": burst_headless,
    "mixed": mixed,
    "one-agent": one_agent,
    "faults": faults,
    "flip": flip,
    "shadow": shadow,
    "soak": soak,
}


def _share(samples: list[Sample]) -> float:
    return sum(sample.ok for sample in samples) / max(1, len(samples))


def _lost(samples: list[Sample]) -> int:
    return sum(sample.run is None for sample in samples)
