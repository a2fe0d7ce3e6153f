"""The raw log: every byte up to a limit, for the owner's eyes."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from agent_runner.process.raw_log import RawLog


def test_bytes_are_kept_up_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "run.stdout"
    log = RawLog(path, 10)
    assert log.write(b"\0\xff1234") is True
    assert log.write(b"5678") is True
    assert log.write(b"9") is False
    assert log.write(b"") is True
    log.close()
    assert path.read_bytes() == b"\0\xff12345678"
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_crosses_the_limit_is_kept_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "run.stdout"
    log = RawLog(path, 5)
    assert log.write(b"abcdefgh") is False
    log.close()
    assert path.read_bytes() == b"abcde"


def test_nothing_printed_is_no_file(tmp_path: Path) -> None:
    log = RawLog(tmp_path / "run.stderr", 5)
    log.close()
    log.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("limit", [0, 1])
def test_a_small_limit(tmp_path: Path, limit: int) -> None:
    log = RawLog(tmp_path / "x", limit)
    assert log.write(b"ab") is False
    log.close()
    assert (tmp_path / "x").stat().st_size == limit


def test_a_disk_that_takes_no_more_is_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "x"
    log = RawLog(path, 1000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5, hard))
    try:
        assert log.write(b"abc") is True
        assert log.write(b"defgh") is False
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert log.write(b"more") is False, "a hole would follow"
    log.close()
    assert path.read_bytes() == b"abcde"
    log = RawLog(tmp_path / "no such folder" / "x", 1000)
    assert log.write(b"abc") is False
    log.close()
