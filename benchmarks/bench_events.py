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
from agent_runner.agents.claude.protocol import ClaudeProtocol
from agent_runner.agents.claude.schema import LINES, StreamEvent
from agent_runner.agents.claude.stream_schema import STREAM
from agent_runner.decoding.decode import Drift
from benchmarks.flood import IDS, tool_lines
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


def typed_decode(lines: list[bytes]) -> None:
    """Line to typed message, and drift counted: what the Agent SDK's parser is measured by."""
    drift = Drift()
    for line in lines:
        message = LINES.strict(line)
        if message is None:
            LINES.read(line, drift)
        elif type(message) is StreamEvent:
            STREAM.strict(message.event)


def session_decode(lines: list[bytes]) -> None:
    """Line to our events: the typed message, its session's state and what it means."""
    session = ClaudeProtocol(AgentOptions(cwd="/"), Form.WARM, None)
    session.prompt("x")
    for line in lines:
        session.receive(line)


def msgspec_decode(lines: list[bytes]) -> None:
    """JSON to dicts and nothing else."""
    decode = msgspec.json.Decoder().decode
    for line in lines:
        decode(line)


def sdk_decode(lines: list[bytes]) -> None:
    """Line to typed message, as the Agent SDK does it: json.loads and its message parser."""
    for line in lines:
        parse_message(json.loads(line))


def delta_lines(count: int) -> list[bytes]:
    """Pieces of text as they stream."""
    return [
        json.dumps(
            {
                "type": "stream_event",
                "event": {
                    "type": "content_block_delta",
                    "index": 0,
                    "delta": {"type": "text_delta", "text": f"piece {number} "},
                },
                "parent_tool_use_id": None,
                **IDS,
            }
        ).encode()
        for number in range(count)
    ]


def with_drift(lines: list[bytes]) -> list[bytes]:
    """The lines with a field in each that no schema knows."""
    return [line[:-1] + b', "brand_new": 1}' for line in lines]


def beside_the_sdk(what: str, lines: list[bytes], wanted: float | None = 3) -> None:
    """Two rows: typed message to typed message, and, for what it is worth, our events beside it.

    The SDK's parser passes over fields that it does not know; ours counts them.
    """
    peer = best(sdk_decode, lines)
    for name, work in (("typed message", typed_decode), ("our events", session_decode)):
        ours = best(work, lines)
        row(
            f"{what}: line to {name}, lines/s, beside the SDK's typed message",
            f"{ours:,.0f}",
            f"{peer:,.0f}",
            f"{ours / peer:.2f}x",
            f">= {wanted}x: {verdict(ours >= wanted * peer)}"
            if wanted and work is typed_decode
            else "",
        )


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
    ours, other = best(typed_decode, lines), best(msgspec_decode, lines)
    row(
        "tool calls: line to typed message, lines/s, beside msgspec to dicts",
        f"{ours:,.0f}",
        f"{other:,.0f}",
        f"{ours / other:.2f}x",
    )
    print(f"claude-agent-sdk {importlib.metadata.version('claude-agent-sdk')}:")
    beside_the_sdk("tool calls and results", lines)
    beside_the_sdk("pieces of text", delta_lines(20_000))
    beside_the_sdk("tool calls with drift in every line", with_drift(lines), None)


if __name__ == "__main__":
    main()
