"""Files of an agent's folder: listed and read, and nothing outside of it. Reads the disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from agent_runner import wire
from agent_runner.errors import BadRequestError, ForbiddenError, NotFoundError

MOST_ENTRIES = 1000
MOST_BYTES = 1 << 20
_LOOKED_AT = 8192

Kind = Literal["file", "folder", "link", "other"]


class Entry(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is in a folder; a link is told and not followed."""

    name: str
    kind: Kind
    size: int
    modified_at: str


class Content(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A folder's `entries`, or a file's `text`: None if that is binary. Either may be `cut`."""

    path: str
    kind: Kind
    size: int
    modified_at: str
    entries: list[Entry] | None = None
    text: str | None = None
    binary: bool = False
    cut: bool = False


def look(root: Path, path: str, denied: Path) -> Content:
    """What is at `path` below `root`.

    ForbiddenError `outside_workspace` if that leads out of it, or to the folder `denied` within;
    NotFoundError `file_not_found`; BadRequestError `invalid_path`, `not_readable`.
    """
    if "\0" in path or os.path.isabs(path):
        raise BadRequestError("invalid_path", "a path is relative to the agent's folder")
    with _opened(root, path, denied) as (descriptor, found):
        if stat.S_ISDIR(found.st_mode):
            return _folder(descriptor, path, found)
        if stat.S_ISREG(found.st_mode):
            return _file(descriptor, path, found)
    raise BadRequestError("not_readable", f"{path!r} is neither a file nor a folder")


@contextmanager
def _opened(root: Path, path: str, denied: Path) -> Iterator[tuple[int, os.stat_result]]:
    """What is opened is looked at, and not its name: that may lead elsewhere a moment later."""
    try:
        descriptor = os.open(root / path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NotFoundError("file_not_found", f"there is no {path!r}") from None
    except (OSError, ValueError) as error:
        raise BadRequestError("not_readable", f"{path!r} cannot be read: {error}") from None
    try:
        real = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        inside = real == root.resolve() or real.is_relative_to(root.resolve())
        if not inside or real.is_relative_to(denied.resolve()):
            raise ForbiddenError("outside_workspace", f"{path!r} lies outside the agent's folder")
        yield descriptor, os.fstat(descriptor)
    finally:
        os.close(descriptor)


def _folder(descriptor: int, path: str, found: os.stat_result) -> Content:
    entries: list[Entry] = []
    cut = False
    with os.scandir(descriptor) as listed:
        for number, entry in enumerate(listed):
            if number >= MOST_ENTRIES:
                cut = True
                break
            told = entry.stat(follow_symlinks=False)
            entries.append(
                Entry(
                    name=entry.name.encode("utf-8", "backslashreplace").decode(),
                    kind=_kind(told.st_mode),
                    size=told.st_size,
                    modified_at=_time(told.st_mtime),
                )
            )
    entries.sort(key=lambda entry: (entry.kind != "folder", entry.name))
    return Content(
        path=path,
        kind="folder",
        size=0,
        modified_at=_time(found.st_mtime),
        entries=entries,
        cut=cut,
    )


def _file(descriptor: int, path: str, found: os.stat_result) -> Content:
    data = b""
    while len(data) < MOST_BYTES and (piece := os.read(descriptor, MOST_BYTES - len(data))):
        data += piece
    binary = b"\0" in data[:_LOOKED_AT]
    text = None if binary else data.decode("utf-8", "replace")
    return Content(
        path=path,
        kind="file",
        size=found.st_size,
        modified_at=_time(found.st_mtime),
        text=text,
        binary=binary,
        cut=found.st_size > len(data),
    )


def _kind(mode: int) -> Kind:
    if stat.S_ISLNK(mode):
        return "link"
    if stat.S_ISDIR(mode):
        return "folder"
    return "file" if stat.S_ISREG(mode) else "other"


def _time(seconds: float) -> str:
    return wire.utc_text(datetime.fromtimestamp(seconds, UTC))
