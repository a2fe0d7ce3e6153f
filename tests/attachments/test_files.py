"""Names that a path, a shell and a prompt can bear; contents that are there once."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runner.attachments.files import LONGEST_NAME, AttachmentFiles, safe_name


@pytest.fixture
def files(tmp_path: Path) -> AttachmentFiles:
    made = AttachmentFiles(tmp_path / "attachments")
    made.prepare()
    return made


def kept(files: AttachmentFiles, data: bytes) -> str:
    with files.incoming() as file:
        file.write(data)
        files.keep(file)
    return file.sha256


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("shot.png", "shot.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a b.txt", "a b.txt"),
        ("..", "file"),
        ("", "file"),
        (".bashrc", "bashrc"),
        ("a\nb`$(x)`;.png", "a_b__(x)__.png"),
        ("图 1.png", "图 1.png"),
        ("a/", "file"),
    ],
)
def test_names(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@given(st.text(max_size=400))
def test_every_name_is_one_short_part_of_a_path(name: str) -> None:
    safe = safe_name(name)
    assert 0 < len(safe) <= LONGEST_NAME
    assert "/" not in safe
    assert safe not in (".", "..")
    assert not any(ord(letter) < 32 for letter in safe)


def test_a_long_name_keeps_its_ending() -> None:
    assert safe_name("x" * 300 + ".jpeg") == "x" * (LONGEST_NAME - 5) + ".jpeg"


def test_the_same_content_lies_there_once_and_under_each_name(files: AttachmentFiles) -> None:
    first = kept(files, b"data")
    assert kept(files, b"data") == first
    assert files.hashes() == [first]
    one = files.place("conv_1", "1", "a.png", first)
    two = files.place("conv_2", "2", "b.png", first)
    assert files.place("conv_1", "1", "a.png", first) == one
    assert one.stat().st_ino == two.stat().st_ino == files.content(first).stat().st_ino
    files.forget_conversation("conv_1")
    assert not one.exists()
    files.forget(first)
    assert two.read_bytes() == b"data", "a CLI may be reading it"


def test_where_there_are_no_links_it_is_copied(
    files: AttachmentFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    first = kept(files, b"data")
    monkeypatch.setattr(os, "link", refuse)
    placed = files.place("conv_1", "1", "a.png", first)
    assert placed.read_bytes() == b"data"
    assert placed.stat().st_ino != files.content(first).stat().st_ino


def test_what_was_not_finished_leaves_nothing(files: AttachmentFiles) -> None:
    with files.incoming() as file:
        file.write(b"half")
        half = file.path.read_bytes
    with pytest.raises(FileNotFoundError):
        half()
    with files.incoming() as file:
        left = file.path.with_name(".new-left")
        left.write_bytes(b"of a service that was killed")
        files.prepare()
        assert not left.exists()
