"""A recording on disk: `fixtures/<agent-type>/<version>/<case>/`.

`command` (JSON), `stdin`, `stdout.jsonl`, `stderr` (raw bytes; the first two gzipped with
suffix .gz when over 1 MiB), `exit` (a number, negative for a signal) and `events.json`, which
is derived from the others and can be made again at any time.
"""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import msgspec

from agent_runner.recorder.manifest import FIXTURES

GZIP_OVER = 1 << 20
EVENTS = "events.json"


class Command(msgspec.Struct, kw_only=True):
    """How the process was started and what was done to it.

    `options` is AgentOptions as camelCase JSON. Each step is `{"do": "prompt" | "interrupt" |
    "answer" | "eof" | "signal", "afterLine": n, ...}`: n lines of stdout were seen before it.
    A prompt has `text`, or for a long one `{"repeat": piece, "bytes": n}` in its place.
    """

    argv: list[str]
    form: str
    options: dict[str, Any]
    resume: str | None
    steps: list[dict[str, Any]]


class Recording(msgspec.Struct, kw_only=True):
    """Everything that went in and came out of one process, as bytes."""

    command: Command
    stdin: bytes
    stdout: bytes
    stderr: bytes
    exit: int

    def lines(self) -> list[bytes]:
        """Lines of stdout without their newline; the last may lack one in the file too."""
        found = self.stdout.split(b"\n")
        return found[:-1] if not found[-1] else found


def folder_of(agent: str, version: str, case: str, root: Path = FIXTURES) -> Path:
    """Where a case of a CLI version is kept."""
    return root / agent / version / case


def recorded(agent: str, version: str, root: Path = FIXTURES) -> list[str]:
    """Names of the cases recorded for a CLI version, sorted."""
    folder = root / agent / version
    return sorted(found.parent.name for found in folder.glob("*/command"))


def write(folder: Path, recording: Recording) -> None:
    """Put a recording in place of what `folder` holds (derived events included)."""
    new = folder.with_name(folder.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    command = msgspec.to_builtins(recording.command)
    (new / "command").write_text(json.dumps(command, indent=1) + "\n")
    _write_bytes(new / "stdin", recording.stdin)
    _write_bytes(new / "stdout.jsonl", recording.stdout)
    (new / "stderr").write_bytes(recording.stderr)
    (new / "exit").write_text(f"{recording.exit}\n")
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)


def read(folder: Path) -> Recording:
    """The recording in `folder`; FileNotFoundError if it lacks a part."""
    return Recording(
        command=msgspec.json.decode((folder / "command").read_bytes(), type=Command),
        stdin=_read_bytes(folder / "stdin"),
        stdout=_read_bytes(folder / "stdout.jsonl"),
        stderr=(folder / "stderr").read_bytes(),
        exit=int((folder / "exit").read_text()),
    )


def _write_bytes(path: Path, data: bytes) -> None:
    if len(data) > GZIP_OVER:
        # No time stamp, so that the same bytes give the same file.
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(data, 9, mtime=0))
    else:
        path.write_bytes(data)


def _read_bytes(path: Path) -> bytes:
    packed = path.with_name(path.name + ".gz")
    return gzip.decompress(packed.read_bytes()) if packed.exists() else path.read_bytes()
