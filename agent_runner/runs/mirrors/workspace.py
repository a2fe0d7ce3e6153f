"""A mirror's own place to work: the agent's files as they were, and what became of them.

In a git repository the mirror gets a repository of its own on a copy of the work tree: the same
branch, index, uncommitted and untracked files, its objects borrowed from the user's. It is no
`git worktree`, which would share refs, configuration and stash with the user's repository: a
branch or a stash that a mirror makes is gone with its folder. It has no remote to push to.
"""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path

from anyio import to_thread

from agent_runner.folders import remove
from agent_runner.runs.mirrors.files import TooLargeToCopyError, copy, everything_in
from agent_runner.runs.mirrors.git import Git, GitError, Repository
from agent_runner.settings import ShadowSettings
from conversation_store.records import FileChange
from conversation_store.states import Isolation

_CHANGES = {"A": "added", "D": "deleted", "M": "modified", "T": "modified"}


class Workspace:
    """One leg's folder below the state folder; `cwd` is where its CLI runs.

    `take` makes it, `changes` says what was done in either tree since, `remove` ends it.
    """

    def __init__(self, git: Git, folder: Path, origin: Path, settings: ShadowSettings) -> None:
        self.isolation = Isolation.NONE
        self.cwd = origin
        self._git = git
        self._folder = folder
        self._origin = origin
        self._settings = settings
        self._tree = folder / "tree"
        self._track = folder / "track"
        self._index = folder / "base-index"
        self._mirror_index = folder / "mirror-index"
        self._top = origin
        self._base: str | None = None
        self._mirror_base: str | None = None
        self._all = False

    @property
    def raw_path(self) -> Path:
        """Where the CLI's bytes are kept while it runs, without a suffix."""
        return self._folder / "raw"

    @property
    def roots(self) -> list[str]:
        """The folders that the leg worked in, as its CLI may have named them."""
        return [str(self.cwd), str(self._tree if self.cwd != self._origin else self._top)]

    @property
    def origin_roots(self) -> list[str]:
        """The same of the primary leg."""
        return [str(self._origin), str(self._top)]

    def holds(self, path: str) -> bool:
        """True if `path`, seen from the leg's folder, leads into the copy, past every link."""
        if self.isolation not in (Isolation.WORKTREE, Isolation.COPY):
            return False
        return (self.cwd / path).resolve().is_relative_to(self._tree.resolve())

    async def take(self) -> None:
        """Copy what is there now; what is too large to copy is only read, where it is."""
        await to_thread.run_sync(self._make)
        repository = await self._git.repository(self._origin)
        try:
            if repository is None or not await self._take_repository(repository):
                await self._take_folder()
        except TooLargeToCopyError:
            self.isolation, self.cwd = Isolation.READ_ONLY, self._origin
            self._base = self._mirror_base = None
            await to_thread.run_sync(remove, self._tree)

    async def changes(self, *, mirror: bool) -> tuple[list[FileChange] | None, str | None]:
        """The files changed in the mirror's tree, or the primary's, and their diff.

        (None, None) if that cannot be told.
        """
        base = self._mirror_base if mirror else self._base
        if base is None:
            return None, None
        top = self._tree if mirror else self._top
        index = self._mirror_index if mirror else self._index.with_name("primary-index")
        try:
            tree = await self._tree_of(top, index)
            env = self._env(top, index)
            words = ("diff-tree", "-r", "--no-renames", base, tree)
            raw = await self._git.run(top, *words[:2], "-z", *words[2:], env=env)
            shown = ("diff-tree", "-p", "--no-color", "--no-ext-diff", "--no-textconv")
            diff, whole = await self._git.beginning(
                top, *shown, *words[1:], env=env, most=self._settings.output_bytes
            )
        except (GitError, OSError):
            return None, None
        text = diff.decode("utf-8", "replace")
        return _file_changes(raw), text if whole else f"{text}\n[cut]\n"

    async def remove(self) -> None:
        """Remove the folder."""
        await to_thread.run_sync(remove, self._folder)

    def _make(self) -> None:
        remove(self._folder)
        for folder in (self._folder, self._tree):
            folder.mkdir(mode=0o700, parents=True)

    async def _take_repository(self, repository: Repository) -> bool:
        """False if the repository does not know the folder's files, or cannot be read."""
        top, inside = repository.top, self._origin.resolve()
        if not inside.is_relative_to(top):
            return False
        within = inside.relative_to(top)
        try:
            refs = await self._git.run(top, "for-each-ref", "--format=%(objectname) %(refname)")
            await self._open_track(repository)
            base, listed = await self._settle_base(top)
            paths = [os.fsdecode(name) for name in listed.split(b"\0") if name]
            known = any(Path(path).is_relative_to(within) for path in paths)
            if not known and any(inside.iterdir()):
                return False
            moved = await self._copy(top, paths)
            self._top, self._mirror_base = top, base
            if moved:
                self._mirror_base = await self._tree_of(self._tree, self._mirror_index)
            init = ("init", "--quiet", "--template=", f"--object-format={repository.format}")
            await self._git.run(self._tree, *init)
            await to_thread.run_sync(self._furnish, repository, refs)
        except GitError:
            await to_thread.run_sync(self._make)
            return False
        self._base = base
        self.cwd = self._tree / within
        await to_thread.run_sync(partial(self.cwd.mkdir, parents=True, exist_ok=True))
        self.isolation = Isolation.WORKTREE
        return True

    async def _take_folder(self) -> None:
        self._all, self._top = True, self._origin
        paths = await to_thread.run_sync(list, everything_in(self._origin))
        await self._copy(self._origin, paths)
        self.cwd, self.isolation = self._tree, Isolation.COPY
        try:
            await self._git.run(self._folder, "init", "--quiet", "--bare", "--template=", "track")
            self._base, _ = await self._settle_base(self._origin)
            self._mirror_base = await self._tree_of(self._tree, self._mirror_index)
        except GitError:
            self._base = self._mirror_base = None

    async def _open_track(self, repository: Repository) -> None:
        """A repository beside the copy, in which both trees are told apart from the first."""
        form = f"--object-format={repository.format}"
        words = ("init", "--quiet", "--bare", "--template=", form, "track")
        await self._git.run(self._folder, *words)

        def fill() -> None:
            _borrow(self._track, repository)
            if (repository.folder / "index").exists():
                shutil.copy2(repository.folder / "index", self._index)

        await to_thread.run_sync(fill)

    async def _settle_base(self, top: Path) -> tuple[str, bytes]:
        """The tree as it is now, and the names in it. An index that cannot be used is left out."""
        try:
            tree = await self._tree_of(top, self._index, fresh=False)
        except GitError:
            self._index.unlink(missing_ok=True)
            tree = await self._tree_of(top, self._index, fresh=False)
        listed = await self._git.run(top, "ls-files", "-z", env=self._env(top, self._index))
        return tree, listed

    async def _tree_of(self, top: Path, index: Path, *, fresh: bool = True) -> str:
        if fresh and self._index.exists():
            await to_thread.run_sync(shutil.copy2, self._index, index)
        env = self._env(top, index)
        await self._git.run(top, "add", "--all", *(("--force",) if self._all else ()), env=env)
        return (await self._git.run(top, "write-tree", env=env)).decode().strip()

    async def _copy(self, source: Path, paths: list[str]) -> bool:
        """True if a link was changed."""
        bounds = {
            "most_files": self._settings.copy_files,
            "most_bytes": self._settings.copy_bytes,
        }
        return await to_thread.run_sync(partial(copy, source, self._tree, paths, **bounds))

    def _furnish(self, repository: Repository, refs: bytes) -> None:
        """Have the mirror's repository stand where the user's stands."""
        folder = self._tree / ".git"
        _borrow(folder, repository)
        (folder / "packed-refs").write_bytes(b"# pack-refs with: sorted \n" + refs)
        shutil.copyfile(repository.folder / "HEAD", folder / "HEAD")
        if (repository.folder / "index").exists():
            shutil.copy2(repository.folder / "index", folder / "index")

    def _env(self, top: Path, index: Path) -> dict[str, str]:
        return {
            "GIT_DIR": str(self._track),
            "GIT_WORK_TREE": str(top),
            "GIT_INDEX_FILE": str(index),
        }


def _borrow(folder: Path, repository: Repository) -> None:
    info = folder / "objects" / "info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "alternates").write_text(f"{repository.common / 'objects'}\n")


def _file_changes(raw: bytes) -> list[FileChange]:
    """The output of `diff-tree -z`: `:mode mode hash hash letter`, path, and so on."""
    found: list[FileChange] = []
    parts = raw.split(b"\0")
    for head, path in zip(parts[::2], parts[1::2], strict=False):
        _, _, _, content, letter = head.decode().split(" ")
        change = _CHANGES.get(letter[:1], letter)
        name = path.decode("utf-8", "replace")
        found.append(FileChange(path=name, change=change, content=content))
    return found
