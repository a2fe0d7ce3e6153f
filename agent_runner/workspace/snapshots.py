"""How a work tree was when a run began, and what has become of it since.

Each is a tree in a repository of our own, which borrows the objects of the user's: his own stays
as it is. Where there is no repository, nothing is known.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Literal
from weakref import WeakValueDictionary

import anyio
import msgspec
import structlog
from anyio import to_thread

from agent_runner.workspace.git import Git, GitError, Repository, borrow

MOST_DIFF = 1 << 20
"""Bytes of a diff that is shown."""

PLAIN_S = 1.0
"""How long a folder is taken for one without a repository; runs may come by the hundred."""

MOST_PLAIN = 1000

log = structlog.get_logger(__name__)

Change = Literal["added", "modified", "deleted"]
_LETTERS: dict[str, Change] = {"A": "added", "D": "deleted"}


class ChangedFile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A file by its path below the folder; the lines are None for a binary one."""

    path: str
    change: Change
    added_lines: int | None
    removed_lines: int | None


class Changes(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The files that have changed, and their diff, which may be `cut`."""

    files: list[ChangedFile]
    diff: str
    cut: bool


class Snapshots:
    """Of all folders, each in a repository below `folder`. One command at a time for each."""

    def __init__(self, git: Git, folder: Path) -> None:
        self._git = git
        self._folder = folder
        # Each is there while somebody uses it.
        self._locks = WeakValueDictionary[str, anyio.Lock]()
        self._plain: dict[Path, float] = {}

    async def take(self, cwd: Path) -> str | None:
        """The name of the tree that `cwd` is now; None where there is no repository, or no git."""
        now = anyio.current_time()
        if self._plain.get(cwd, now) > now:
            return None
        if not await to_thread.run_sync(_may_be_one, cwd):
            if len(self._plain) >= MOST_PLAIN:
                self._plain.clear()
            self._plain[cwd] = now + PLAIN_S
            return None
        repository = await self._git.repository(cwd)
        if repository is None:
            return None
        async with self._lock(repository):
            try:
                return await self._tree(repository, cwd)
            except (GitError, OSError) as error:
                log.warning("snapshot_failed", cwd=str(cwd), error=str(error))
                return None

    async def changes(self, cwd: Path, base: str) -> Changes | None:
        """What has changed in `cwd` since the tree `base`; None if that is not known."""
        repository = await self._git.repository(cwd)
        if repository is None:
            return None
        async with self._lock(repository):
            try:
                tree = await self._tree(repository, cwd)
                return await self._between(repository, cwd, base, tree)
            except (GitError, OSError) as error:
                log.info("changes_not_known", cwd=str(cwd), error=str(error))
                return None

    def _lock(self, repository: Repository) -> anyio.Lock:
        return self._locks.setdefault(str(repository.top), anyio.Lock())

    async def _tree(self, repository: Repository, cwd: Path) -> str:
        own = await self._own(repository)
        env = _env(own, repository)
        within = _within(repository, cwd)
        words = ("add", "--all", "--ignore-errors", "--", within)
        await self._git.run(repository.top, *words, env=env, codes=(0, 1))
        written = await self._git.run(repository.top, "write-tree", "--missing-ok", env=env)
        return written.decode().strip()

    async def _between(self, repository: Repository, cwd: Path, base: str, tree: str) -> Changes:
        env, top = _env(await self._own(repository), repository), repository.top
        where = _within(repository, cwd)
        relative = f"--relative={where}/" if where != "." else "--no-relative"
        words = ("-r", "--no-renames", relative, base, tree, "--", where)
        raw = await self._git.run(top, "diff-tree", "--raw", "-z", *words, env=env)
        counts = await self._git.run(top, "diff-tree", "--numstat", "-z", *words, env=env)
        shown = ("-p", "--no-color", "--no-ext-diff", "--no-textconv")
        diff, whole = await self._git.beginning(
            top, "diff-tree", *shown, *words, env=env, most=MOST_DIFF
        )
        text = diff.decode("utf-8", "backslashreplace")
        return Changes(files=_files(raw, counts), diff=text, cut=not whole)

    async def _own(self, repository: Repository) -> Path:
        """Our repository beside the user's, made at the first time."""
        name = hashlib.sha256(str(repository.top).encode("utf-8", "surrogateescape")).hexdigest()
        own = self._folder / name[:32]
        if (own / "HEAD").exists():
            return own
        form = f"--object-format={repository.format}"
        await to_thread.run_sync(self._make_folder)
        words = ("init", "--quiet", "--bare", "--template=", form, str(own))
        await self._git.run(self._folder, *words)

        def fill() -> None:
            borrow(own, repository)
            index = repository.folder / "index"
            if index.exists():
                shutil.copy2(index, own / "index")

        await to_thread.run_sync(fill)
        return own

    def _make_folder(self) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)


def _may_be_one(cwd: Path) -> bool:
    """False where git need not be asked whether there is a repository."""
    return any((folder / ".git").exists() for folder in (cwd, *cwd.parents))


def _env(own: Path, repository: Repository) -> dict[str, str]:
    return {
        "GIT_DIR": str(own),
        "GIT_WORK_TREE": str(repository.top),
        "GIT_INDEX_FILE": str(own / "index"),
    }


def _within(repository: Repository, cwd: Path) -> str:
    """Where the folder lies in the work tree, as a path that git takes literally enough."""
    relative = cwd.resolve().relative_to(repository.top.resolve())
    return str(relative) if relative.parts else "."


def _files(raw: bytes, counts: bytes) -> list[ChangedFile]:
    lines: dict[str, tuple[int | None, int | None]] = {}
    for part in counts.split(b"\0"):
        added, _, rest = part.partition(b"\t")
        removed, _, path = rest.partition(b"\t")
        if path:
            lines[path.decode("utf-8", "backslashreplace")] = (_number(added), _number(removed))
    parts = raw.split(b"\0")
    found = []
    for head, path in zip(parts[::2], parts[1::2], strict=False):
        name = path.decode("utf-8", "backslashreplace")
        letter = head.rpartition(b" ")[2][:1].decode()
        added_lines, removed_lines = lines.get(name, (None, None))
        found.append(
            ChangedFile(
                path=name,
                change=_LETTERS.get(letter, "modified"),
                added_lines=added_lines,
                removed_lines=removed_lines,
            )
        )
    return found


def _number(text: bytes) -> int | None:
    return int(text) if text.isdigit() else None
