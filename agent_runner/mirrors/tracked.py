"""One repository's files, or a folder's: how they were, and what became of them in either tree.

They are told apart in a repository of the mirror's own. In it every byte counts as it stands:
no filter of the user's (LFS, line ends) comes between. A repository within (a submodule, a clone)
is none of these files: it is tracked by itself.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from anyio import to_thread

from agent_runner.workspace.git import Git, GitError, Repository, borrow
from conversation_store.records import FileChange

_CHANGES = {"A": "added", "D": "deleted", "M": "modified", "T": "modified"}
_AS_THEY_STAND = "* -filter -text -ident -eol -working-tree-encoding -crlf\n"
_GITLINK = b"160000"


class Tracked:
    """Of the tree `top`, copied to `tree`; `name` is where it lies in the whole, "" for the top.

    `folder` is the mirror's own. `repository` is the user's, None for a plain folder: then
    ignored files count, too.
    """

    def __init__(
        self,
        git: Git,
        folder: Path,
        number: int,
        top: Path,
        tree: Path,
        name: str,
        repository: Repository | None,
    ) -> None:
        self.name = name
        self.top = top
        self.tree = tree
        self.repository = repository
        self.within: list[str] = []
        self._git = git
        self._folder = folder
        self._track = folder / f"track-{number}"
        self._index = folder / f"base-index-{number}"
        self._indexes = {which: folder / f"{which}-index-{number}" for which in ("mirror", "own")}
        self._base: str | None = None
        self._mirror_base: str | None = None

    async def begin(self) -> list[str]:
        """Note how the files are now, and which repositories are `within`; the files' names.

        GitError if that cannot be done. An index of the user's that cannot be used is left out.
        """
        await self._open()
        try:
            names = await self._settle()
        except GitError:
            self._index.unlink(missing_ok=True)
            names = await self._settle()
        self._mirror_base = self._base
        return names

    async def begin_mirror(self) -> None:
        """The copy is not quite what was copied: note how it is."""
        self._mirror_base = await self._tree_of(self.tree, self._indexes["mirror"])

    async def changes(self, *, mirror: bool, most: int) -> tuple[list[FileChange], str, bool]:
        """What was changed in a tree since, its diff up to `most` bytes, and if that is all.

        GitError if it cannot be told.
        """
        base = self._mirror_base if mirror else self._base
        if base is None:
            raise GitError("the tree was not looked at")
        top, index = await to_thread.run_sync(self._place, mirror)
        tree = await self._tree_of(top, index)
        env = self._env(top, index)
        words = ("-r", "--no-renames", base, tree, "--", *self._others())
        raw = await self._git.run(top, "diff-tree", "-z", *words, env=env)
        prefix = f"{self.name}/" if self.name else ""
        shown = ["-p", "--no-color", "--no-ext-diff", "--no-textconv"]
        shown += (f"--src-prefix=a/{prefix}", f"--dst-prefix=b/{prefix}")
        diff, whole = await self._git.beginning(
            top, "diff-tree", *shown, *words, env=env, most=most
        )
        return _file_changes(raw, prefix), diff.decode("utf-8", "backslashreplace"), whole

    def furnish(self, refs: bytes, sparse: bytes | None) -> None:
        """Have the copy's repository, which was just made, stand where the user's stands."""
        assert self.repository is not None
        folder = self.tree / ".git"
        borrow(folder, self.repository)
        (folder / "packed-refs").write_bytes(b"# pack-refs with: sorted \n" + refs)
        shutil.copyfile(self.repository.folder / "HEAD", folder / "HEAD")
        if (self.repository.folder / "index").exists():
            shutil.copy2(self.repository.folder / "index", folder / "index")
        if sparse is not None:
            (folder / "info" / "sparse-checkout").write_bytes(sparse)

    # --- the repository of our own --------------------------------------------------------------

    async def _open(self) -> None:
        form = () if self.repository is None else (f"--object-format={self.repository.format}",)
        words = ("init", "--quiet", "--bare", "--template=", *form, self._track.name)
        await self._git.run(self._folder, *words)

        def fill() -> None:
            info = self._track / "info"
            info.mkdir(exist_ok=True)
            (info / "attributes").write_text(_AS_THEY_STAND)
            if self.repository is not None:
                borrow(self._track, self.repository)
                if (self.repository.folder / "index").exists():
                    shutil.copy2(self.repository.folder / "index", self._index)

        await to_thread.run_sync(fill)

    async def _settle(self) -> list[str]:
        env = self._env(self.top, self._index)
        listed = await self._git.run(self.top, "ls-files", "-s", "-z", env=env)
        within = {
            name for kind, _, name in (_staged(line) for line in _parts(listed)) if kind == _GITLINK
        }
        ignored = () if self.repository is None else ("--exclude-standard",)
        words = ("ls-files", "--others", "-z", *ignored)
        others = _parts(await self._git.run(self.top, *words, env=env))
        within |= {name.rstrip(b"/") for name in others if name.endswith(b"/")}
        self.within = sorted(os.fsdecode(name) for name in within)
        self._base = await self._tree_of(self.top, self._index, fresh=False)
        listed = await self._git.run(self.top, "ls-files", "-z", env=env)
        names = [os.fsdecode(name) for name in _parts(listed) if name not in within]
        return [*names, *self.within]

    async def _tree_of(self, top: Path, index: Path, *, fresh: bool = True) -> str:
        """The tree that `top` is now. What cannot be read is left out."""
        if fresh and self._index.exists():
            await to_thread.run_sync(shutil.copy2, self._index, index)
        env = self._env(top, index)
        force = ("--force",) if self.repository is None else ()
        words = ("add", "--all", "--ignore-errors", *force, "--", *self._others())
        await self._git.run(top, *words, env=env, codes=(0, 1))
        return (await self._git.run(top, "write-tree", "--missing-ok", env=env)).decode().strip()

    def _others(self) -> list[str]:
        """All but the repositories within."""
        return [".", *(f":(exclude,literal){name}" for name in self.within)]

    def _place(self, mirror: bool) -> tuple[Path, Path]:
        top, index = self.tree if mirror else self.top, self._indexes["mirror" if mirror else "own"]
        if not top.is_dir():  # it was deleted with all that was in it
            top = self._folder / "nothing"
            top.mkdir(exist_ok=True)
        return top, index

    def _env(self, top: Path, index: Path) -> dict[str, str]:
        return {
            "GIT_DIR": str(self._track),
            "GIT_WORK_TREE": str(top),
            "GIT_INDEX_FILE": str(index),
        }


def _parts(listed: bytes) -> list[bytes]:
    return [part for part in listed.split(b"\0") if part]


def _staged(line: bytes) -> tuple[bytes, bytes, bytes]:
    """Mode, hash and name of a line of `ls-files -s`."""
    head, _, name = line.partition(b"\t")
    mode, content, *_ = head.split(b" ")
    return mode, content, name


def _file_changes(raw: bytes, prefix: str) -> list[FileChange]:
    """The output of `diff-tree -z`: `:mode mode hash hash letter`, path, and so on."""
    found: list[FileChange] = []
    parts = raw.split(b"\0")
    for head, path in zip(parts[::2], parts[1::2], strict=False):
        _, _, _, content, letter = head.decode().split(" ")
        change = _CHANGES.get(letter[:1], letter)
        name = prefix + path.decode("utf-8", "backslashreplace")
        found.append(FileChange(path=name, change=change, content=content))
    return found
