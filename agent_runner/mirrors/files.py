"""Copies a work tree. For worker threads: all of it waits for the disk."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePath

_NAMES_OF_THE_USERS = ("refs", "logs")
_CONFIGURED = ("config", "config.worktree", "commondir", "gitdir")


class TooLargeToCopyError(Exception):
    """More files or bytes than a mirror may have."""


def everything_in(folder: Path) -> Iterator[str]:
    """Every file, link and empty folder below a folder, as relative paths; no link is followed."""
    for path, names, files in os.walk(folder):
        links = [name for name in names if os.path.islink(os.path.join(path, name))]
        if not (names or files) and path != str(folder):
            yield os.path.relpath(path, folder)
        for name in (*files, *links):
            yield os.path.relpath(os.path.join(path, name), folder)


class Copier:
    """Copies a tree from `source` to `target`, with the files' times, as far as it may.

    What would lead git out of the copy stays behind (`leads_out`). What is gone meanwhile is left
    out. `left_out` has, with the reason, what is there and cannot be copied. A link into `source`
    leads into `target`; a relative one out of it leads where it led; `moved` says that a link was
    changed for either. Names of one file (hard links) are names of one file in the copy.
    """

    def __init__(self, source: Path, target: Path, *, most_files: int, most_bytes: int) -> None:
        self.moved = False
        self._left_out: dict[str, str] = {}
        self._source = source
        self._target = target
        self._most_files = most_files
        self._most_bytes = most_bytes
        self._files = self._size = 0
        self._made: dict[tuple[int, int], Path] = {}

    def copy(self, paths: Sequence[str]) -> None:
        """Copy `paths`; TooLargeToCopyError before the bound is passed.

        In their folders is looked for what is there and has no path: git does not name it.
        """
        self._copy_each(paths)
        folders = {os.path.dirname(path) for path in paths}
        for folder in sorted(folders | {""}):
            self._note_special(folder)

    def _note_special(self, folder: str) -> None:
        with suppress(OSError), os.scandir(self._source / folder) as entries:
            for entry in entries:
                mode = entry.stat(follow_symlinks=False).st_mode
                closed = stat.S_ISREG(mode) and not os.access(entry.path, os.R_OK)
                if closed or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
                    self._leave_out(os.path.join(folder, entry.name), mode)

    def _leave_out(self, path: str, mode: int) -> None:
        if ".git" in PurePath(path).parts:
            return  # git's own
        why = _KINDS.get(stat.S_IFMT(mode), "it cannot be read")
        self._left_out[path] = f"{path} ({why})"

    @property
    def left_out(self) -> list[str]:
        """What is there and is not copied, and why."""
        return sorted(self._left_out.values())

    def _copy_each(self, paths: Iterable[str]) -> None:
        for path in paths:
            if leads_out(path):
                continue
            try:
                found = (self._source / path).lstat()
            except OSError:
                continue
            self._files += 1
            self._size += found.st_size if stat.S_ISREG(found.st_mode) else 0
            if self._files > self._most_files or self._size > self._most_bytes:
                raise TooLargeToCopyError(
                    f"over {self._most_files} files or {self._most_bytes} bytes"
                )
            try:
                self._copy(path, found)
            except FileNotFoundError:
                continue
            except PermissionError:
                self._leave_out(path, found.st_mode)

    def _copy(self, path: str, found: os.stat_result) -> None:
        origin, made = self._source / path, self._target / path
        if stat.S_ISDIR(found.st_mode):
            made.mkdir(parents=True, exist_ok=True)
            return
        made.parent.mkdir(parents=True, exist_ok=True)
        if stat.S_ISLNK(found.st_mode):
            link = Path(os.readlink(origin))
            moved = self._moved(link, origin)
            made.symlink_to(moved)
            self.moved = self.moved or moved != link
        elif not stat.S_ISREG(found.st_mode):
            self._leave_out(path, found.st_mode)
        elif (other := self._made.get((found.st_dev, found.st_ino))) is not None:
            made.hardlink_to(other)
        else:
            shutil.copy2(origin, made)
            made.chmod(stat.S_IMODE(found.st_mode) | stat.S_IWUSR)
            if found.st_nlink > 1:
                self._made[found.st_dev, found.st_ino] = made

    def _moved(self, link: Path, origin: Path) -> Path:
        if link.is_absolute():
            inside = link.is_relative_to(self._source)
            return self._target / link.relative_to(self._source) if inside else link
        led = Path(os.path.normpath(origin.parent / link))
        return link if led.is_relative_to(self._source) else led


_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def leads_out(path: str) -> bool:
    """True for a file by which git, in a copy, would work on another repository than the copy's.

    That is a `.git` that is no folder (it names one: a linked work tree's, a submodule's), and
    of a repository the list of its work trees, its remotes, its hooks and where its files are.
    """
    parts = PurePath(path).parts
    if ".git" not in parts:
        return False
    inside = parts[parts.index(".git") + 1 :]
    if not inside or inside[0] in ("worktrees", "hooks"):
        return True
    return inside[0] not in _NAMES_OF_THE_USERS and inside[-1] in _CONFIGURED
