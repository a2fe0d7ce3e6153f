"""What the benchmarks share: a service as a program, a thin HTTP client, a results table."""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
# The folder of a whole series of benchmarks, which whoever runs the series removes.
SERIES = os.environ.get("BENCH_SERIES")


class Service:
    """A running service; `programs` names the CLI of each agent type."""

    def __init__(self, process: subprocess.Popen[str], url: str, token: str, root: Path) -> None:
        self.process = process
        self.host, port = url.removeprefix("http://").split(":")
        self.port = int(port)
        self.token = token
        self.root = root

    def resident(self) -> int:
        """Resident memory now, in bytes."""
        return self._status("VmRSS")

    def peak(self) -> int:
        """The most memory it had since `reset_peak`, in bytes."""
        return self._status("VmHWM")

    def reset_peak(self) -> None:
        """Let `peak` begin anew."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def cpu_seconds(self) -> float:
        """Processor time of the service itself."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _status(self, name: str) -> int:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
        raise LookupError(name)


@contextmanager
def service(
    program: Path | str,
    env: dict[str, str] | None = None,
    programs: dict[str, str] | None = None,
    prepare: Callable[[Path], None] | None = None,
    shadow: dict[str, Any] | None = None,
    **limits: Any,
) -> Iterator[Service]:
    """A service in a folder of its own whose claude-code is `program`; the others by name.

    `prepare` gets the folder before the service starts, where `program` may lie as
    `{root}/name`; the service's state is in `state`.
    """
    root = new_folder()
    config = root / "config.yaml"
    settings = {
        "allowed_roots": [str(root)],
        "programs": {
            "claude-code": str(program).replace("{root}", str(root)),
            "gemini": "/nonexistent/gemini",
            "factory-droid": "/nonexistent/droid",
            **(programs or {}),
        },
        "limits": limits,
        "shadow": shadow or {},
    }
    config.write_text(json.dumps(settings))
    if prepare is not None:
        prepare(root)
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "agent_runner.cli.main", "serve", "--port", "0"),
            *("--state-dir", f"{root}/state", "--config", str(config)),
        ],
        env={"PATH": os.environ["PATH"], "HOME": str(root), "LANG": "C.UTF-8", **(env or {})},
        stdout=subprocess.PIPE,
        text=True,
    )
    url = token = ""
    assert process.stdout is not None
    for line in process.stdout:
        if "listens on" in line:
            url = line.split()[-1]
        elif line.startswith("  token"):
            token = (root / "state/token").read_text().strip()
        elif line.startswith("Ready"):
            break
    try:
        yield Service(process, url, token, root)
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def new_folder() -> Path:
    """A folder that stays until all is measured, far on the disk from what was just removed.

    Where ext4 has no journal it passes over the inodes of files removed in the last minutes,
    one by one, for each new file beside them: an earlier benchmark would slow this one down.
    """
    folder = Path(tempfile.mkdtemp(prefix="bench", dir=SERIES))
    if SERIES is None:
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # What is made in such a folder is put anywhere on the disk; other file systems refuse it.
    subprocess.run(["chattr", "+T", folder], stderr=subprocess.DEVNULL, check=False)
    root = folder / "service"
    root.mkdir()
    return root


class Connection:
    """One keep-alive HTTP connection, with as little of its own as can be."""

    def __init__(self, at: Service) -> None:
        self._at = at

    async def open(self) -> None:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection(
            self._at.host, self._at.port, limit=1 << 24
        )

    def close(self) -> None:
        """Disconnect."""
        self._writer.close()

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """A request and its JSON answer."""
        self._request(method, path, body, "application/json")
        headers = await self._reader.readuntil(b"\r\n\r\n")
        length = int(headers.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return json.loads(await self._reader.readexactly(length))

    async def stream(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> AsyncIterator[bytes]:
        """The raw pieces of an event stream, chunk by chunk as they arrive."""
        self._request(method, path, body, "text/event-stream")
        await self._reader.readuntil(b"\r\n\r\n")
        while size := int(await self._reader.readline(), 16):
            yield await self._reader.readexactly(size)
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)

    def _request(self, method: str, path: str, body: Any, accept: str) -> None:
        data = json.dumps(body).encode() if body is not None else b""
        self._writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: {self._at.host}\r\nAccept: {accept}\r\n"
            f"Authorization: Bearer {self._at.token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\n\r\n".encode()
            + data
        )


@asynccontextmanager
async def connected(at: Service) -> AsyncIterator[Connection]:
    """An open connection."""
    connection = Connection(at)
    await connection.open()
    try:
        yield connection
    finally:
        connection.close()


async def register(at: Service, name: str, **options: Any) -> None:
    """Register a claude-code agent that works in the service's folder."""
    async with connected(at) as connection:
        body = {"agentId": name, "type": "claude-code", "cwd": str(at.root), **options}
        await connection.call("POST", "/agents/register", body)


def quantile(values: Sequence[float], part: float) -> float:
    """The value below which `part` of the values lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def heading(text: str) -> None:
    """The title of a benchmark's table."""
    print(f"\n{text}")


def row(what: str, ours: str, other: str, ratio: str, target: str = "") -> None:
    """One line: our figure, the peer's or limit's, the ratio, the target."""
    print(f"  {what:<46} {ours:>14} {other:>22} {ratio:>12}  {target}")


def columns(other: str) -> None:
    """The head of the table."""
    row("", "agent-runner", other, "ratio", "target")


def verdict(met: bool) -> str:
    """How a target fared."""
    return "met" if met else "MISSED"
