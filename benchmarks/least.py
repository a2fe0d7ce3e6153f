"""The least that runs a prompt by HTTP and loses no run: a limit for the overhead of a run.

It trusts everything: no login, no schema, no queue, no supervision, no stream. Usage:
least.py FOLDER CLI cold|warm; prints its port.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from pathlib import Path


class Least:
    """One agent; a process for each run, or one for all."""

    def __init__(self, folder: Path, cli: str, *, warm: bool) -> None:
        self._cli = cli
        self._warm = warm
        self._process: asyncio.subprocess.Process | None = None
        self._database = sqlite3.connect(folder / "least.db", isolation_level=None)
        for statement in (
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=FULL",
            "CREATE TABLE runs (run INTEGER PRIMARY KEY, prompt TEXT, answer TEXT)",
            "CREATE TABLE events (run INTEGER, line BLOB)",
        ):
            self._database.execute(statement)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection's requests, each a run."""
        while head := await reader.read(1):
            head += await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            answer = await self._run(json.loads(await reader.readexactly(length))["prompt"])
            body = json.dumps({"success": True, "answer": answer}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        writer.close()

    async def _run(self, prompt: str) -> str:
        """Two commits on the disk: that the run is accepted, and all that came of it."""
        accept = "INSERT INTO runs (prompt) VALUES (?)"
        run = self._database.execute(accept, (prompt,)).lastrowid
        process = self._process or await asyncio.create_subprocess_exec(
            self._cli, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        self._process = process if self._warm else None
        assert process.stdin is not None
        assert process.stdout is not None
        message = {"type": "user", "message": {"role": "user", "content": prompt}}
        process.stdin.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
        lines = []
        while True:
            lines.append(await process.stdout.readline())
            event = json.loads(lines[-1])
            if event["type"] == "result":
                break
        if not self._warm:
            process.stdin.close()
            await process.wait()
        answer = str(event["result"])
        self._database.execute("BEGIN")
        insert = "INSERT INTO events (run, line) VALUES (?, ?)"
        self._database.executemany(insert, [(run, line) for line in lines])
        self._database.execute("UPDATE runs SET answer = ? WHERE run = ?", (answer, run))
        self._database.execute("COMMIT")
        return answer


async def main() -> None:
    """Serve until killed."""
    least = Least(Path(sys.argv[1]), sys.argv[2], warm=sys.argv[3] == "warm")
    server = await asyncio.start_server(least.serve, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
