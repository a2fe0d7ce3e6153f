"""A mirror's own place to work: the agent's files as they were, and what became of them.

In a git repository the mirror gets a repository of its own on a copy of the work tree: the same
branch, index, uncommitted and untracked files, its objects borrowed from the user's. It is no
`git worktree`, which would share refs, configuration and stash with the user's repository: a
branch or a stash that a mirror makes is gone with its folder. It has no remote to push to. The
repositories within (submodules, clones, linked work trees) get the same.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from anyio import to_thread

from agent_runner.folders import remove
from agent_runner.mirrors.files import Copier, TooLargeToCopyError, everything_in
from agent_runner.mirrors.tracked import Tracked
from agent_runner.settings import ShadowSettings
from agent_runner.workspace.git import Git, GitError, Repository
from conversation_store.records import FileChange
from conversation_store.states import Isolation

MOST_WITHIN = 50
"""Repositories within one that are copied; more are left out."""


_CUT = "\n[cut]\n"


class Workspace:
    """One leg's folder below the state folder; `cwd` is where its CLI runs.

    `take` makes it, `changes` says what was done in either tree since, `remove` ends it.
    `left_out` names what is neither copied nor compared, and why.
    """

    def __init__(self, git: Git, folder: Path, origin: Path, settings: ShadowSettings) -> None:
        self.isolation = Isolation.NONE
        self.cwd = origin
        self._git = git
        self._folder = folder
        self._origin = origin
        self._settings = settings
        self._tree = folder / "tree"
        self._top = origin
        self._tracked: list[Tracked] = []
        self._told = True
        self.left_out: list[str] = []

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
        """The folders of the primary leg, whose paths count as those of `roots`."""
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
            self._told = False
            await to_thread.run_sync(remove, self._tree)

    async def changes(self, *, mirror: bool) -> tuple[list[FileChange] | None, str | None]:
        """The files changed in the mirror's tree, or the primary's, and their diff.

        (None, None) if that cannot be told.
        """
        if not (self._told and self._tracked):
            return None, None
        files: list[FileChange] = []
        text, most = "", self._settings.output_bytes
        try:
            for tracked in self._tracked:
                some, diff, whole = await tracked.changes(mirror=mirror, most=most)
                files += some
                text += diff if whole or text.endswith(_CUT) else f"{diff}{_CUT}"
                most = max(1, most - len(diff.encode()))
        except (GitError, OSError):
            return None, None
        return files, text

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
        copier = self._copier(top)
        try:
            first = self._track(top, self._tree, "", repository)
            names = await first.begin()
            known = any(Path(name).is_relative_to(within) for name in names)
            if not known and any(inside.iterdir()):
                return False
            await self._copy(copier, names)
            self._top = top
            await self._track_within(first, copier)
            if copier.moved:
                for tracked in self._tracked:
                    await tracked.begin_mirror()
            for tracked in self._tracked:
                await self._furnish(tracked)
        except GitError:
            self._forget()
            await to_thread.run_sync(self._make)
            return False
        self.left_out += copier.left_out
        self.cwd = self._tree / within
        await to_thread.run_sync(partial(self.cwd.mkdir, parents=True, exist_ok=True))
        self.isolation = Isolation.WORKTREE
        return True

    async def _take_folder(self) -> None:
        self._forget()
        self._top = self._origin
        copier = self._copier(self._origin)
        paths = await to_thread.run_sync(list, everything_in(self._origin))
        await self._copy(copier, paths)
        self.left_out += copier.left_out
        self.cwd, self.isolation = self._tree, Isolation.COPY
        try:
            first = self._track(self._origin, self._tree, "", None)
            await first.begin()
            await self._track_within(first, None)
            for tracked in self._tracked:
                if tracked.repository is not None and not (tracked.tree / ".git").exists():
                    await self._furnish(tracked)
                await tracked.begin_mirror()
        except GitError:
            self._told = False

    def _forget(self) -> None:
        self._tracked.clear()
        self.left_out.clear()

    def _track(self, top: Path, tree: Path, name: str, repository: Repository | None) -> Tracked:
        number = len(self._tracked)
        tracked = Tracked(self._git, self._folder, number, top, tree, name, repository)
        self._tracked.append(tracked)
        return tracked

    async def _track_within(self, outer: Tracked, copier: Copier | None) -> None:
        """Track every repository within, and those within them; copy them with `copier`."""
        for path in outer.within:
            top, tree = outer.top / path, outer.tree / path
            repository = await self._git.repository(top)
            if repository is None or repository.top != top.resolve():
                continue  # a submodule that was not checked out: an empty folder
            name = f"{outer.name}/{path}".lstrip("/")
            if len(self._tracked) > MOST_WITHIN:
                self.left_out.append(f"{name} (one of over {MOST_WITHIN} repositories)")
                continue
            inner = self._track(top, tree, name, repository)
            names = await inner.begin()
            if copier is not None:
                await self._copy(copier, [f"{name}/{one}" for one in names])
                await to_thread.run_sync(partial(tree.mkdir, parents=True, exist_ok=True))
            await self._track_within(inner, copier)

    def _copier(self, source: Path) -> Copier:
        return Copier(
            source,
            self._tree,
            most_files=self._settings.copy_files,
            most_bytes=self._settings.copy_bytes,
        )

    async def _copy(self, copier: Copier, paths: list[str]) -> None:
        await to_thread.run_sync(copier.copy, paths)

    async def _furnish(self, tracked: Tracked) -> None:
        """Make the copy a repository that stands where the user's stands."""
        repository = tracked.repository
        assert repository is not None
        words = ("for-each-ref", "--format=%(objectname) %(refname)")
        refs = await self._git.run(tracked.top, *words)
        init = ("init", "--quiet", "--template=", f"--object-format={repository.format}")
        await self._git.run(tracked.tree, *init)
        sparse = await to_thread.run_sync(_sparse, repository)
        if sparse is not None:
            for setting in ("core.sparseCheckout", "core.sparseCheckoutCone"):
                asked = await self._git.run(
                    tracked.top, "config", "--type=bool", "--get", setting, codes=(0, 1)
                )
                if value := asked.decode().strip():
                    await self._git.run(tracked.tree, "config", setting, value)
        await to_thread.run_sync(tracked.furnish, refs, sparse)


def _sparse(repository: Repository) -> bytes | None:
    """Which files a sparse checkout has; None if it is none."""
    try:
        return (repository.folder / "info" / "sparse-checkout").read_bytes()
    except OSError:
        return None
