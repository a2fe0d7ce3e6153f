"""A recorded process is found, ended, and never mistaken for another."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import msgspec
import pytest

from agent_runner.process import tree
from agent_runner.process.identity import MARKER, ProcessIdentity, boot_id, is_same, mark_of
from agent_runner.process.proc import start_ticks

pytestmark = pytest.mark.anyio


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    env = {"PATH": os.environ["PATH"], MARKER: "proc_1"}
    with subprocess.Popen(["sleep", "4711"], env=env) as process:
        while mark_of(process.pid) is None:  # until it has become the program
            pass
        yield process
        process.kill()


def recorded(process: subprocess.Popen[bytes]) -> ProcessIdentity:
    return ProcessIdentity(
        process_id="proc_1",
        pid=process.pid,
        start_ticks=start_ticks(process.pid),
        boot_id=boot_id(),
    )


async def test_the_recorded_process_is_ended(sleeper: subprocess.Popen[bytes]) -> None:
    identity = recorded(sleeper)
    assert is_same(identity)
    assert tree.living([identity]) == {"proc_1"}
    assert await tree.end(identity)
    assert sleeper.wait(5) < 0
    assert tree.living([identity]) == set()
    assert await tree.end(identity), "a second time changes nothing"


@pytest.mark.parametrize(
    "change",
    [
        {"process_id": "proc_2"},
        {"process_id": "proc_2", "start_ticks": 1},
        {"process_id": "proc_2", "boot_id": "another"},
        {"process_id": "proc_2", "start_ticks": None},
    ],
    ids=["another mark", "another start", "another boot", "unknown start"],
)
async def test_a_stranger_with_the_same_pid_is_spared(
    sleeper: subprocess.Popen[bytes], change: dict[str, object]
) -> None:
    forged = msgspec.structs.replace(recorded(sleeper), **change)
    assert not is_same(forged)
    assert await tree.end(forged)
    assert sleeper.poll() is None
