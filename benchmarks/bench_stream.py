"""Latency of a text delta from the CLI's write to the SSE client, beside a raw pipe relay."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time

from benchmarks.harness import (
    HERE,
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

DELTAS = 1000
GAP_S = 0.002
PROMPT = json.dumps({"deltas": DELTAS, "gap": GAP_S})
_STAMP = re.compile(rb'"text": ?"(\d+\.\d+) "')
FLOOD = [sys.executable, "-I", "-S", str(HERE / "flood.py")]


async def relayed() -> list[float]:
    """The same program's lines, read from its pipe and sent over a TCP socket as they are."""

    async def relay(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        process = await asyncio.create_subprocess_exec(
            *FLOOD, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdin is not None
        assert process.stdout is not None
        message = {"type": "user", "message": {"role": "user", "content": PROMPT}}
        process.stdin.write(json.dumps(message).encode() + b"\n")
        process.stdin.close()
        while line := await process.stdout.readline():
            writer.write(line)
            await writer.drain()
        await process.wait()
        writer.close()

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    times = []
    while chunk := await reader.read(1 << 16):
        now = time.perf_counter()
        times += [now - float(stamp) for stamp in _STAMP.findall(chunk)]
    writer.close()
    server.close()
    return times


async def streamed() -> list[float]:
    """Seconds from write to receipt through the service."""
    with service(HERE / "flood.sh") as at:
        await register(at, "one")
        times = []
        async with connected(at) as connection:
            async for chunk in connection.stream("POST", "/agents/one/execute", {"prompt": PROMPT}):
                now = time.perf_counter()
                times += [now - float(stamp) for stamp in _STAMP.findall(chunk)]
        return times


def main() -> None:
    """Print the table."""
    heading(f"Stream latency: {DELTAS} deltas, one every {GAP_S * 1e3:.0f} ms, write to receipt")
    columns("asyncio pipe relay")
    # Alternating pairs, so that a machine whose speed drifts does not favour one side.
    ours: list[float] = []
    relay: list[float] = []
    for _ in range(3):
        relay += asyncio.run(relayed())
        ours += asyncio.run(streamed())
    for name, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        a, b = quantile(ours, part) * 1e3, quantile(relay, part) * 1e3
        target = ""
        if part == 0.5:
            a, b = median(ours) * 1e3, median(relay) * 1e3
            limit = 1.5 * b + 1
            target = f"<= 1.5x + 1 ms = {limit:.2f}: {verdict(a <= limit)}"
        row(f"{name}, ms", f"{a:.3f}", f"{b:.3f}", f"{a / b:.2f}x", target)


if __name__ == "__main__":
    main()
