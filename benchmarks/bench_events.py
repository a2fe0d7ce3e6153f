"""Events per second through decode, store and SSE; decoding beside msgspec and the Agent SDK."""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import time
from collections.abc import Callable

import msgspec
from claude_agent_sdk._internal.message_parser import parse_message

from agent_runner.agents.base import AgentOptions, Form
from agent_runner.agents.claude_session import ClaudeSession
from benchmarks.flood import tool_lines
from benchmarks.harness import HERE, columns, connected, heading, register, row, service, verdict

EVENTS = 60_000
WANTED = 25_000
ROUNDS = 5


async def through_service() -> tuple[float, float]:
    """Durable events per second of one run to one SSE reader: by the wall, by service CPU."""
    with service(HERE / "flood.sh") as at:
        await register(at, "one")
        async with connected(at) as connection:
            for warm_up in (1000, EVENTS):
                prompt = json.dumps({"events": warm_up})
                begun = 0.0
                cpu = 0.0
                seen = 0
                async for chunk in connection.stream(
                    "POST", "/agents/one/execute", {"prompt": prompt}
                ):
                    count = chunk.count(b"\nevent: tool.")
                    if count and not begun:
                        begun, cpu = time.perf_counter(), at.cpu_seconds()
                        continue
                    seen += count
                wall = time.perf_counter() - begun
                used = at.cpu_seconds() - cpu
        return seen / wall, seen / used


def best(work: Callable[[list[bytes]], object], lines: list[bytes]) -> float:
    """Lines per second, the best of ROUNDS."""
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work(lines)
        times.append(time.perf_counter() - begun)
    return len(lines) / min(times)


def session_decode(lines: list[bytes]) -> None:
    """Schemas, drift counting and mapping to events."""
    session = ClaudeSession(AgentOptions(cwd="/"), Form.WARM, None)
    session.prompt("x")
    for line in lines:
        session.receive(line)


def msgspec_decode(lines: list[bytes]) -> None:
    """JSON to dicts and nothing else."""
    decode = msgspec.json.Decoder().decode
    for line in lines:
        decode(line)


def sdk_decode(lines: list[bytes]) -> None:
    """What the Agent SDK does with a line: json.loads and its message parser."""
    for line in lines:
        parse_message(json.loads(line))


def main() -> None:
    """Print the table."""
    heading(f"Events: {EVENTS} tool calls and results")
    columns("limit or peer")
    wall, cpu = asyncio.run(through_service())
    row(
        "decode + store + SSE, events/s of service CPU",
        f"{cpu:,.0f}",
        f"{WANTED:,} wanted",
        f"{cpu / WANTED:.2f}x",
        f">= {WANTED:,} on one core: {verdict(cpu >= WANTED)}",
    )
    row("the same by the wall (CLI and reader beside it)", f"{wall:,.0f}", "", "")
    lines = tool_lines(20_000).splitlines()
    ours = best(session_decode, lines)
    for name, work in (
        ("msgspec decode alone", msgspec_decode),
        (f"claude-agent-sdk {importlib.metadata.version('claude-agent-sdk')} parser", sdk_decode),
    ):
        other = best(work, lines)
        row(
            f"decode only, lines/s, beside {name}",
            f"{ours:,.0f}",
            f"{other:,.0f}",
            f"{ours / other:.2f}x",
        )


if __name__ == "__main__":
    main()
