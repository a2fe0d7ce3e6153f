"""What browsers cost: an upload's memory, and pages that only stay open."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

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

FILE_BYTES = 20 << 20
PIECE_BYTES = 64 << 10
UPLOADS = 5
GROWTH_BYTES = 4 << 20
PAGES = 10
IDLE_S = 20.0
IDLE_CPU = 0.005
"""Of one core: below what the clock of the processor time can tell apart from nothing."""
STREAM = "/stream?agents=one,two&feeds=agents,approvals,fallback,health"


async def upload(at: Service) -> float:
    """Send a file as a browser does, piece by piece; the service's growth in bytes."""
    reader, writer = await asyncio.open_connection(at.host, at.port)
    before = at.resident()
    at.reset_peak()
    writer.write(
        f"POST /attachments HTTP/1.1\r\nHost: {at.host}\r\nConnection: close\r\n"
        f"Authorization: Bearer {at.token}\r\nContent-Type: application/octet-stream\r\n"
        f"Content-Length: {FILE_BYTES}\r\n\r\n".encode()
    )
    piece = os.urandom(PIECE_BYTES)
    for _ in range(FILE_BYTES // PIECE_BYTES):
        writer.write(piece)
        await writer.drain()
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 201"), answer[:200]
    writer.close()
    return at.peak() - before


async def idle(at: Service, pages: int) -> float:
    """Processor time in a second of a service with so many open pages and nothing to do."""
    async with AsyncExitStack() as stack:
        reading = []
        for _ in range(pages):
            connection = await stack.enter_async_context(connected(at))
            stream = connection.stream("GET", STREAM)
            await anext(stream)
            reading.append(asyncio.create_task(_read(stream)))
        await asyncio.sleep(1)
        begun, used = time.perf_counter(), at.cpu_seconds()
        await asyncio.sleep(IDLE_S)
        taken = (at.cpu_seconds() - used) / (time.perf_counter() - begun)
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
    return taken


async def _read(stream: AsyncIterator[bytes]) -> None:
    async for _ in stream:
        pass


async def measure(at: Service) -> None:
    """The rows."""
    for name in ("one", "two"):
        await register(at, name)
    async with connected(at) as connection:
        for name in ("one", "two"):
            await connection.call("POST", f"/agents/{name}/execute", {"prompt": "hi"})
    growth = [await upload(at) for _ in range(UPLOADS)]
    for what, grown in (("first", growth[0]), ("later, median", median(growth[1:]))):
        row(
            f"upload of {FILE_BYTES >> 20} MiB, {what}: growth, MiB",
            f"{grown / 2**20:.2f}",
            f"{GROWTH_BYTES >> 20} wanted",
            f"{grown / GROWTH_BYTES:.2f}x",
            f"< {GROWTH_BYTES >> 20} MiB: {verdict(grown < GROWTH_BYTES)}",
        )
    nobody = await idle(at, 0)
    open_pages = await idle(at, PAGES)
    row(
        f"{PAGES} pages that idle | none, share of a core",
        f"{open_pages:.2%}",
        f"{nobody:.2%}",
        "",
        f"adds < {IDLE_CPU:.1%}: {verdict(open_pages - nobody < IDLE_CPU)}",
    )


def main() -> None:
    """Print the table."""
    heading("Pages: what browsers cost")
    columns("limit or none")
    with service(HERE / "instant.sh", warm_processes=0) as at:
        asyncio.run(measure(at))


if __name__ == "__main__":
    main()
