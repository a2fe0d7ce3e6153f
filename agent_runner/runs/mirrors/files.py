"""Copies a work tree, and removes one. For worker threads: all of it waits for the disk."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path


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

    TooLargeToCopyError before the bound is passed. What is gone meanwhile is left out, and so
    is what is neither a file nor a link. A link into `source` leads into `target`.
    """
    files = size = 0
    changed = False
    for path in paths:
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


def remove(folder: Path) -> None:
    """Remove a folder whatever its modes are; what cannot be removed stays."""

    def again(function: object, path: str, error: object) -> None:
        with suppress(OSError):
            os.chmod(os.path.dirname(path), 0o700)
            if os.path.isdir(path) and not os.path.islink(path):
                os.chmod(path, 0o700)
                shutil.rmtree(path, ignore_errors=True)
            else:
                os.unlink(path)

    shutil.rmtree(folder, onerror=again)


def _moved(link: Path, source: Path, target: Path) -> Path:
    return target / link.relative_to(source) if link.is_relative_to(source) else link
