"""Copies a work tree. For worker threads: all of it waits for the disk."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePath

_NAMES_OF_THE_USERS = ("refs", "logs")
_CONFIGURED = ("config", "config.worktree", "commondir", "gitdir")


class TooLargeToCopyError(Exception):
    """More files or bytes than a mirror may have."""


def everything_in(folder: Path) -> Iterator[str]:
    """Every file and link below a folder, as relative paths; no link is followed."""
    for path, names, files in os.walk(folder):
        links = [name for name in names if os.path.islink(os.path.join(path, name))]
        for name in (*files, *links):
            yield os.path.relpath(os.path.join(path, name), folder)


def copy(
    source: Path, target: Path, paths: Iterable[str], *, most_files: int, most_bytes: int
) -> bool:
    """Copy `paths` of `source` to `target`, with their times; True if a link was changed.

    What would lead git out of the copy stays behind (`leads_out`). TooLargeToCopyError before
    the bound is passed. What is gone meanwhile is left out, and so is what is neither a file nor
    a link. A link into `source` leads into `target`.
    """
    files = size = 0
    changed = False
    for path in paths:
        if leads_out(path):
            continue
        origin, made = source / path, target / path
        try:
            found = origin.lstat()
        except OSError:
            continue
        files += 1
        size += found.st_size if stat.S_ISREG(found.st_mode) else 0
        if files > most_files or size > most_bytes:
            raise TooLargeToCopyError(f"over {most_files} files or {most_bytes} bytes")
        if not (stat.S_ISLNK(found.st_mode) or stat.S_ISREG(found.st_mode)):
            continue
        made.parent.mkdir(parents=True, exist_ok=True)
        if stat.S_ISLNK(found.st_mode):
            link = Path(os.readlink(origin))
            moved = _moved(link, source, target)
            made.symlink_to(moved)
            changed = changed or moved != link
            continue
        with suppress(FileNotFoundError):
            shutil.copy2(origin, made)
            made.chmod(stat.S_IMODE(found.st_mode) | stat.S_IWUSR)
    return changed


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


def _moved(link: Path, source: Path, target: Path) -> Path:
    return target / link.relative_to(source) if link.is_relative_to(source) else link
