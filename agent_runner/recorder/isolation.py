"""A world of its own for one CLI process: home, project, environment, network.

What the CLI prints of that world is renamed to stable placeholders afterwards, so that two
recordings of one behaviour differ in nothing but ids and times.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import re
import socket
import struct
import tempfile
from pathlib import Path
from types import TracebackType

from agent_runner.recorder.install import cache_folder

_CLONE_NEWNET = 0x40000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1
_PORT = re.compile(rb"(127\.0\.0\.1|localhost):\d{2,5}")

# Every process of a case carries this variable, so that none can hide in a new session.
MARKER = "AGENT_RUNNER_RECORDING"


class World:
    """Temporary folders for one case; a context manager that removes them."""

    def __init__(self, install: Path) -> None:
        self._scratch = tempfile.TemporaryDirectory(
            prefix="rec", dir=worlds_folder(), ignore_cleanup_errors=True
        )
        base = Path(self._scratch.name).resolve()
        self.home = base / "home"
        self.cwd = base / "work" / "project"
        self.private = base / "private"
        self.tmp = base / "tmp"
        self.marker = base.name
        for folder in (self.home, self.cwd, self.private, self.tmp):
            folder.mkdir(parents=True, mode=0o700)
        self._names = [
            (str(self.cwd), "/work/project"),
            (str(self.home), "/home/user"),
            (str(self.private), "/run/private"),
            (str(self.tmp), "/tmp/cli"),  # noqa: S108 (a placeholder, not a file)
            (str(install), "/opt/cli"),
            (str(base), "/work"),
            # Droid tells its model, and a resumed session repeats it.
            (os.uname().release, "0.0.0-kernel"),
        ]

    def __enter__(self) -> World:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._scratch.cleanup()

    def environment(self, extra: dict[str, str | None], url: str) -> dict[str, str]:
        """The whole environment of the CLI: nothing is inherited but PATH."""
        path = os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin")
        base: dict[str, str | None] = {
            "PATH": path,
            "HOME": "{home}",
            "TMPDIR": str(self.tmp),
            "USER": "user",
            "LOGNAME": "user",
            "SHELL": "/bin/bash",
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "TZ": "UTC",
            "NO_COLOR": "1",
            MARKER: self.marker,
            **extra,
        }
        return {name: self.fill(value, url) for name, value in base.items() if value is not None}

    def write_files(self, root: Path, files: dict[str, str], url: str) -> None:
        """Write `files` (relative name to text) under `root`."""
        for name, text in files.items():
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(self.fill(text, url))

    def fill(self, text: str, url: str) -> str:
        """`text` with {home}, {cwd} and {url} replaced."""
        for name, value in (("home", self.home), ("cwd", self.cwd), ("url", url)):
            text = text.replace("{" + name + "}", str(value))
        return text

    def normalise(self, data: bytes) -> bytes:
        """`data` with this world's names renamed: paths (also dashed, as session folders are),
        loopback ports and the kernel's release.
        """
        return normalise(data, self._names)


def worlds_folder() -> Path:
    """Where worlds are made."""
    folder = cache_folder().parent / "worlds"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def normalise(data: bytes, names: list[tuple[str, str]]) -> bytes:
    """Replace each path by its placeholder, longest first, then loopback ports by 8080."""
    for path, placeholder in sorted(names, key=lambda pair: -len(pair[0])):
        data = data.replace(path.encode(), placeholder.encode())
        data = data.replace(_dashed(path), _dashed(placeholder))
    return _PORT.sub(rb"\1:8080", data)


def _dashed(path: str) -> bytes:
    return re.sub(r"[^A-Za-z0-9]", "-", path).encode()


def leave_network() -> bool:
    """Move this thread and what it starts into a network of its own with loopback only.

    False if the system does not permit it. Call it from the main thread before the model
    server starts: other threads keep their network.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "unshare") or libc.unshare(_CLONE_NEWNET) != 0:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(control, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))
    return True
