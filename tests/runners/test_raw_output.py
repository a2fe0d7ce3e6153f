"""Where a process's bytes are kept when it serves one run after another."""

from __future__ import annotations

from pathlib import Path

from agent_runner.runners.raw_output import RawOutput


def test_each_run_has_a_log_of_its_own(tmp_path: Path) -> None:
    raw = RawOutput(tmp_path / "one", 100, spooled=False)
    assert raw.stdout(b"abc")
    raw.move(tmp_path / "two")
    assert raw.stdout(b"defg")
    assert raw.offset(3) == 0
    raw.close()
    assert (tmp_path / "one.stdout").read_bytes() == b"abc"
    assert (tmp_path / "two.stdout").read_bytes() == b"defg"


def test_a_spooled_program_stays_in_its_file(tmp_path: Path) -> None:
    spool = tmp_path / "one.stdout"
    raw = RawOutput(tmp_path / "one", 100, spooled=True)
    spool.write_bytes(b"abcSECRET")
    assert raw.stdout(b"abc")
    raw.move(tmp_path / "two")
    assert raw.stdout(b"******", masked=True)
    raw.close()
    assert spool.read_bytes() == b"abc******"
    assert (tmp_path / "two.stdout").read_bytes() == b"", "it says that the prompt was given"
