"""Runs git so that the user's repository stays as it is, and runs nothing that it names.

No hook, no lock, no prompt, no gc, no fetch.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from agent_runner.process.environment import child_environment
from agent_runner.process.programs import capture, find
from agent_runner.process.warden import Warden

MOST_BYTES = 64 << 20
"""Of a listing; with more files than that there is no copy anyway."""

_SETTINGS = (
    *("core.hooksPath=/dev/null", "core.fsmonitor=false", "core.untrackedCache=false"),
    *("core.safecrlf=false", "core.quotePath=false", "advice.addEmbeddedRepo=false"),
    *("gc.auto=0", "maintenance.auto=false"),
    # A file that was copied with its time is known by its size and time alone.
    *("core.trustctime=false", "core.checkStat=minimal"),
)
_ENV = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
    # An object that a partial clone lacks is not fetched: the repository says by which program.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
}


class GitError(Exception):
    """A command of git failed, hung or is not there."""


class Repository(msgspec.Struct, frozen=True, kw_only=True):
    """Where a work tree and its repository lie; `format` is that of its object names."""

    top: Path
    folder: Path
    common: Path
    format: str


class Git:
    """Each command has `timeout` seconds, and is ended with all it started."""

    def __init__(self, warden: Warden, env: Mapping[str, str], timeout: float) -> None:
        self._warden = warden
        self._program = find("git", env)
        self._env = child_environment(env, (), _ENV)
        self._timeout = timeout

    async def run(
        self,
        folder: Path,
        *words: str,
        env: Mapping[str, str] | None = None,
        codes: Sequence[int] = (0,),
    ) -> bytes:
        """The output of `git words` in `folder`; GitError if it leaves with none of `codes`."""
        code, data = await self._capture(folder, words, env, MOST_BYTES)
        if code not in codes:
            raise GitError(f"git {words[0]} failed ({code})")
        return data

    async def beginning(
        self, folder: Path, *words: str, env: Mapping[str, str], most: int
    ) -> tuple[bytes, bool]:
        """The first `most` bytes of an output, and whether that is all of it."""
        code, data = await self._capture(folder, words, env, most)
        if code != 0 and not data:
            raise GitError(f"git {words[0]} failed ({code})")
        return data, code == 0

    async def repository(self, cwd: Path) -> Repository | None:
        """The repository that `cwd` lies in; None if there is none, or no git."""
        words = (
            *("rev-parse", "--path-format=absolute", "--show-toplevel", "--git-dir"),
            *("--git-common-dir", "--show-object-format"),
        )
        try:
            lines = os.fsdecode(await self.run(cwd, *words)).rstrip("\n").split("\n")
        except GitError:
            return None
        if len(lines) != 4:
            return None
        top, folder, common = map(Path, lines[:3])
        return Repository(top=top, folder=folder, common=common, format=lines[3])

    async def _capture(
        self, folder: Path, words: tuple[str, ...], env: Mapping[str, str] | None, most: int
    ) -> tuple[int | None, bytes]:
        if self._program is None:
            raise GitError("git is not installed")
        settings = [word for setting in _SETTINGS for word in ("-c", setting)]
        argv = [str(self._program), *settings, "-C", str(folder), *words]
        given = {**self._env, **(env or {})}
        return await capture(self._warden, argv, given, timeout=self._timeout, most=most)


def borrow(folder: Path, repository: Repository) -> None:
    """Let the repository in `folder` use the objects of the user's."""
    info = folder / "objects" / "info"
    info.mkdir(parents=True, exist_ok=True)
    (folder / "info").mkdir(exist_ok=True)
    (info / "alternates").write_text(f"{repository.common / 'objects'}\n")
