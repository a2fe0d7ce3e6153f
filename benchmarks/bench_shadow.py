"""What a mirror leg adds to the leg whose answer counts: runs with and without one, in turns."""

from __future__ import annotations

import asyncio
import subprocess
import time
from pathlib import Path

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

CLI = HERE / "instant.sh"
ROUNDS = 60
LIMIT_MS = 5.0
SHADOW = {"primary": "headless", "against": "self", "self_share": 0.0}


def repository(root: Path) -> None:
    """A small git repository as the agents' folder."""
    (root / "file.txt").write_text("one\n")
    (root / ".gitignore").write_text("state\nconfig.yaml\n")
    name = ("-c", "user.name=bench", "-c", "user.email=bench@example.org")
    for words in (("init", "-q"), ("add", "file.txt"), (*name, "commit", "-qm", "first")):
        subprocess.run(["git", "-C", str(root), *words], check=True)


async def turns(at: Service) -> tuple[list[float], list[float], int]:
    """Seconds of runs without and with a mirror, by turns, each when all mirrors are over."""
    for name in ("without", "with"):
        await register(at, name)
    times: dict[str, list[float]] = {"without": [], "with": []}
    async with connected(at) as connection:
        for number in range(ROUNDS):
            for name in ("without", "with") if number % 2 else ("with", "without"):
                mode = "shadow" if name == "with" else "headless"
                begun = time.perf_counter()
                path = f"/agents/{name}/execute"
                answer = await connection.call("POST", path, {"prompt": "hi", "mode": mode})
                times[name].append(time.perf_counter() - begun)
                assert answer["success"], answer
                await _mirrors_over(connection, number + (name == "with" or number % 2 == 0))
        figures = await connection.call("GET", "/api/shadow-mode/metrics")
    return times["without"][5:], times["with"][5:], figures["itself"]["judged"]


async def _mirrors_over(connection: Connection, begun: int) -> None:
    """Wait until so many mirrors were begun and are over, and a little for their folders."""
    while True:
        figures = await connection.call("GET", "/api/shadow-mode/metrics")
        if figures["comparisons"] >= begun and not figures["running"]:
            break
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)


def main() -> None:
    """Print the table."""
    heading(f"Shadow: a run of a CLI that answers at once, {ROUNDS} with and {ROUNDS} without")
    columns("without a mirror")
    for name, warm in (("cold", 0), ("warm", 16)):
        with service(CLI, prepare=repository, shadow=SHADOW, warm_processes=warm) as at:
            without, mirrored, compared = asyncio.run(turns(at))
        for what, figure in (("median", median), ("95 %", lambda v: quantile(v, 0.95))):
            a, b = figure(mirrored) * 1e3, figure(without) * 1e3
            target = f"adds {a - b:.2f} <= {LIMIT_MS:g} ms: {verdict(a - b <= LIMIT_MS)}"
            row(f"{name}: {what}, ms", f"{a:.2f}", f"{b:.2f}", f"{a / b:.2f}x", target)
        row(f"{name}: mirrors compared", str(compared), f"{ROUNDS} begun", "", "")


if __name__ == "__main__":
    main()
