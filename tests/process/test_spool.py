"""A file that a program appends to is read to its end, whoever empties it meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_runner.process.spool import Spool


class Pair:
    """The file, who writes it and who reads it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.writer = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        self.reader = os.open(path, os.O_RDONLY)
        self.spool = Spool(self.reader)

    def write(self, data: bytes) -> None:
        os.write(self.writer, data)

    def read(self) -> bytes:
        return self.spool.read(1 << 16)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path / "spool")
    yield made
    os.close(made.writer)
    os.close(made.reader)


def test_what_is_appended_is_read(pair: Pair) -> None:
    assert pair.read() == b""
    pair.write(b"one")
    assert pair.read() == b"one"
    pair.write(b"two")
    assert (pair.read(), pair.read(), pair.spool.cuts) == (b"two", b"", 0)


def test_an_emptied_file_is_read_on_from_its_beginning(pair: Pair) -> None:
    pair.write(b"one line\nhalf a ")
    pair.read()
    os.truncate(pair.path, 0)
    assert (pair.read(), pair.spool.cuts) == (b"", 1)
    pair.write(b"line\n")
    assert (pair.read(), pair.spool.cuts) == (b"line\n", 1)


@pytest.mark.parametrize("after", [b"short", b"longer than what was read before", b"same length"])
def test_that_is_seen_however_much_was_written_since(pair: Pair, after: bytes) -> None:
    pair.write(b"same length" if after == b"same length" else b"read before this")
    pair.read()
    os.truncate(pair.path, 0)
    pair.write(after)
    if after == b"same length":
        pair.write(b", and one byte more: ab")
        after += b", and one byte more: ab"
        os.truncate(pair.path, 0)
        pair.write(after[::-1])
        after = after[::-1]
    assert (pair.read(), pair.spool.cuts) == (after, 1)


def test_what_was_masked_in_it_is_still_the_same_file(pair: Pair) -> None:
    pair.write(b"it is s3cr3t.")
    pair.read()
    descriptor = os.open(pair.path, os.O_WRONLY)
    os.pwrite(descriptor, b"******", 6)
    os.close(descriptor)
    pair.write(b" more")
    assert (pair.read(), pair.spool.cuts) == (b" more", 0)


@pytest.mark.parametrize("how", ["removed", "renamed", "replaced"])
def test_its_name_does_not_matter(pair: Pair, tmp_path: Path, how: str) -> None:
    pair.write(b"one")
    pair.read()
    if how == "removed":
        pair.path.unlink()
    else:
        pair.path.rename(tmp_path / "spool.1")
    if how == "replaced":
        pair.path.write_bytes(b"another")
    pair.write(b"two")
    assert (pair.read(), pair.spool.cuts) == (b"two", 0)
