"""What is told of a file that cannot be started."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from agent_runner.process.condition import condition_after, told


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("#!/nowhere/sh\n", "needs /nowhere/sh, which is not there"),
        ("#!/bin/sh\r\n", "a carriage return behind it (its lines end as on Windows)"),
    ],
)
def test_an_interpreter_that_is_not_there(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "claude"
    path.write_bytes(line.encode())
    path.chmod(0o755)
    condition = condition_after(path, errno.ENOENT)
    assert condition is not None
    assert words in told(path, condition)
