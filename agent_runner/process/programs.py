"""Finds an installed program where people's installers put it, and asks its version."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple

import anyio

from agent_runner.home import home
from agent_runner.process.child import spawn
from agent_runner.process.environment import led_by
from agent_runner.process.warden import SpawnError, Warden

VERSION_TIMEOUT_S = 30.0
_VERSION = re.compile(r"\d+(?:\.\d+)+[\w.+-]*")


def usual_places(home: Path, folders: Iterable[str] = ()) -> list[Path]:
    """Folders of npm (global, nvm), the native installers, Homebrew and bun, best first.

    `folders` in the home folder are those that one program's own installer uses.
    """
    nvm = sorted(home.glob(".nvm/versions/node/*/bin"), key=_version_of, reverse=True)
    return [
        home / ".local/bin",
        *(home / folder for folder in folders),
        home / ".npm-global/bin",
        home / ".bun/bin",
        *nvm,
        home / ".volta/bin",
        Path("/opt/homebrew/bin"),
        Path("/home/linuxbrew/.linuxbrew/bin"),
        Path("/usr/local/bin"),
    ]


def _version_of(folder: Path) -> list[int]:
    """The numbers in `.nvm/versions/node/v22.1.0/bin`: 9 is before 22."""
    return [int(number) for number in re.findall(r"\d+", folder.parent.name)]


def named(program: str, base: str | None) -> Path:
    """The place that a program with a slash in its name names; a relative one from `base`."""
    return Path(os.path.join(base or os.getcwd(), os.path.expanduser(program)))


def find(
    program: str,
    env: Mapping[str, str],
    base: str | None = None,
    *,
    folders: Iterable[str] = (),
) -> Path | None:
    """The path of `program`: itself if it has a slash, else from PATH, else a usual place.

    It is absolute: a relative one is meant from `base`, one in PATH from the present folder.
    `folders` are usual places, too (`usual_places`).
    """
    if os.sep in program:
        path = named(program, base)
        return path if path.is_file() and os.access(path, os.X_OK) else None
    if found := shutil.which(program, path=env.get("PATH", os.defpath)):
        return Path(found).absolute()
    usual = usual_places(home() or Path(os.sep), folders)
    found = next(filter(None, (shutil.which(place / program) for place in usual)), None)
    return Path(found) if found else None


async def output(
    warden: Warden,
    argv: Sequence[str],
    env: Mapping[str, str],
    *,
    timeout: float = VERSION_TIMEOUT_S,
) -> tuple[int | None, str]:
    """Exit code and first 64 KiB of stdout of a short command; (None, "") if it hangs or fails."""
    code, data = await capture(warden, argv, env, timeout=timeout, most=1 << 16)
    return code, data.decode("utf-8", "replace") if code is not None else ""


async def capture(
    warden: Warden,
    argv: Sequence[str],
    env: Mapping[str, str],
    *,
    timeout: float,
    most: int,
) -> tuple[int | None, bytes]:
    """Exit code and stdout of a short command that prints little on stderr.

    The code is None if it could not be started, hung, or printed over `most` bytes; then
    stdout is what came before that. It is ended with all that it started.
    """
    try:
        child = await spawn(warden, argv, cwd=os.sep, env=env, process_id=f"probe-{token_hex(8)}")
    except SpawnError:
        return None, b""
    data = bytearray()
    try:
        with anyio.move_on_after(timeout):
            await child.go()
            child.close_stdin()
            while chunk := await child.read_stdout():
                data += chunk
                if len(data) > most:
                    return None, bytes(data[:most])
            return await child.wait(), bytes(data)
    except SpawnError:
        return None, b""
    finally:
        await child.end(term_grace=1)
        child.close()
    return None, bytes(data)


def version_in(text: str) -> str | None:
    """The first version number in a CLI's answer: `2.1.197 (Claude Code)` -> `2.1.197`."""
    match = _VERSION.search(text)
    return match.group(0) if match else None


def is_newer(version: str | None, than: str | None) -> bool:
    """True if a version number comes after another; False where one of them is none."""
    if version is None or than is None:
        return False
    return _numbers(version) > _numbers(than)


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d{1,9}", version.partition("-")[0])]


class Installed(NamedTuple):
    """Which file a program was; another one in its place is another program."""

    path: str
    changed_ns: int | None
    inode: int

    @classmethod
    def of(cls, path: Path) -> Installed:
        """The one that is there now."""
        try:
            found = path.stat()
        except OSError:
            return cls(str(path), None, 0)
        return cls(str(path), found.st_mtime_ns, found.st_ino)


class Versions:
    """Versions of installed programs, each asked once per file and modification time."""

    def __init__(self, warden: Warden) -> None:
        self._warden = warden
        self._known: dict[tuple[str, int], str | None] = {}
        self._lock = anyio.Lock(fast_acquire=True)

    async def of(self, path: Path, arguments: Sequence[str], env: Mapping[str, str]) -> str | None:
        """The version that `path arguments` prints; None if it prints none."""
        if (key := _key(path)) is None:
            return None
        async with self._lock:
            if key not in self._known:
                led = led_by(env, str(path))
                code, text = await output(self._warden, [str(path), *arguments], led)
                self._known[key] = version_in(text) if code == 0 else None
            return self._known[key]

    def answer(self, path: Path) -> str | None:
        """What the program at `path` answered, if it was asked and is the same."""
        key = _key(path)
        return None if key is None else self._known.get(key)

    def known(self, path: Path) -> bool:
        """True if the program at `path` need not be asked, or is not there."""
        key = _key(path)
        return key is None or key in self._known


def _key(path: Path) -> tuple[str, int] | None:
    try:
        return str(path), path.stat().st_mtime_ns
    except OSError:
        return None
