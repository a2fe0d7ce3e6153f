"""Growth of the service's memory on a 100 MB line and on a 5 MB answer."""

from __future__ import annotations

import asyncio
import json

from benchmarks.harness import HERE, columns, connected, heading, register, row, service, verdict

LIMIT = 32 << 20
CASES = (("a line of 100 MB", {"line": 100 << 20}), ("an answer of 5 MB", {"answer": 5_000_000}))


async def growth(order: dict[str, int], *, streamed: bool) -> int:
    """Bytes that the peak lies above the resident memory before the run."""
    with service(HERE / "flood.sh") as at:
        await register(at, "one")
        async with connected(at) as connection:
            path = "/agents/one/execute"
            await connection.call("POST", path, {"prompt": json.dumps({"events": 1000})})
            at.reset_peak()
            before = at.resident()
            prompt = {"prompt": json.dumps(order)}
            if streamed:
                received, tail = 0, b""
                async for piece in connection.stream("POST", path, prompt):
                    received += len(piece)
                    tail = (tail + piece)[-2000:]
                assert b'"state":"succeeded"' in tail, tail
                assert received > order.get("answer", 0)
            else:
                answer = await connection.call("POST", path, prompt)
                assert answer["success"], answer
            return at.peak() - before


def main() -> None:
    """Print the table."""
    heading("Peak memory of the service above what it had before the run")
    columns("limit")
    for name, order in CASES:
        for streamed in (False, True):
            grown = asyncio.run(growth(order, streamed=streamed))
            row(
                f"{name}, {'SSE' if streamed else 'JSON'}, MiB",
                f"{grown / 2**20:.1f}",
                f"{LIMIT >> 20}",
                f"{grown / LIMIT:.2f}x",
                verdict(grown <= LIMIT),
            )


if __name__ == "__main__":
    main()
