"""The wrapper, around real commands: what passes through, what it adds, and how it ends."""

from __future__ import annotations

import array
import contextlib
import fcntl
import io
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from agent_runner.emitter import HEARTBEAT, LINE_BYTES
from agent_runner.supervised import HANDED_ON, NOT_FOUND, NOT_STARTED, REST_BYTES, USAGE
from tests.test_emitter import ROOT, TOOL, until

BEAT = HEARTBEAT.encode()
ENV = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}


def wrapped(command: list[str], every: str = "100") -> list[str]:
    return [sys.executable, "-m", "agent_runner.supervised", "--every", every, "--", *command]


def finished(argv: list[str], given: bytes = b"", **env: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        argv, input=given, env={**ENV, **env}, capture_output=True, timeout=60, check=False
    )


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


@pytest.fixture(autouse=True)
def signals_as_from_a_terminal() -> Iterator[None]:
    """Tests that run in the background or under nohup ignore some, and so would the commands."""
    ignored = [n for n in signal.valid_signals() if signal.getsignal(n) is signal.SIG_IGN]
    ours = [n for n in ignored if n not in (signal.SIGPIPE, signal.SIGXFSZ)]
    for number in ours:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number in ours:
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def started(argv: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        argv,
        env=ENV,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            assert pipe is not None
            pipe.close()


def test_what_a_command_reads_and_writes_is_its_own() -> None:
    blob = bytes(range(256)) * 5000
    done = finished(wrapped(python(
        "import sys; data = sys.stdin.buffer.read(); sys.stdout.buffer.write(data);"
        "sys.stderr.buffer.write(data[::-1]); sys.exit(7)"
    )), blob)  # fmt: skip
    assert (done.returncode, done.stdout) == (7, blob)
    assert done.stderr == BEAT + blob[::-1]


def test_heartbeats_come_until_the_command_ends(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    command = f"until [ -e {gate} ]; do sleep 0.01; done; echo end >&2"
    with started(wrapped(["sh", "-c", command], "0.001")) as process:
        assert process.stderr is not None
        assert process.stderr.read(len(BEAT) * 3) == BEAT * 3
        gate.touch()
        rest = process.stderr.read()
    lines = rest.splitlines(keepends=True)
    assert lines.count(b"end\n") == 1
    assert set(lines) <= {BEAT, b"end\n"}


def test_the_supervisor_says_how_often() -> None:
    argv = [sys.executable, "-m", "agent_runner.supervised", "--", "sleep", "0.2"]
    assert finished(argv, AGENT_RUNNER_HEARTBEAT_MS="1").stderr.count(BEAT) > 2
    assert finished(argv).stderr == BEAT


@pytest.mark.parametrize("size", [10, LINE_BYTES - 1, LINE_BYTES + 1, 3 * LINE_BYTES])
def test_a_line_is_never_torn(size: int) -> None:
    """It comes in pieces, with a heartbeat due at any time, and is whole all the same."""
    program = (
        "import os, time\n"
        f"line, size = b'x' * {size} + b'\\n', max(1, {size} // 7)\n"
        "for _ in range(4):\n"
        "    for at in range(0, len(line), size):\n"
        "        os.write(2, line[at : at + size]); time.sleep(0.002)\n"
        "    time.sleep(0.02)\n"
        "os.write(2, b'no end')"
    )
    done = finished(wrapped(python(program), "0.0005"))
    lines = done.stderr.split(b"\n")
    beats = [line for line in lines if line == BEAT.strip()]
    assert len(beats) > 3
    assert [line for line in lines if line != BEAT.strip()] == [b"x" * size] * 4 + [b"no end"]


def test_a_long_line_is_not_kept_back(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    size = 4 * LINE_BYTES + 10
    program = (
        f"import os, time; os.write(2, b'x' * {size})\n"
        f"while not os.path.exists({str(gate)!r}): time.sleep(0.01)\n"
        "os.close(2)\n"
        "time.sleep(100)"
    )
    with started(wrapped(python(program), "0.001")) as process:
        assert isinstance(process.stderr, io.BufferedReader)
        assert process.stderr.read(len(BEAT)) == BEAT
        first = b""
        while len(first.replace(BEAT, b"")) < size:
            first += process.stderr.read1(65536)
        assert first.replace(BEAT, b"") == b"x" * size
        assert not first.endswith(BEAT), "no heartbeat in the middle of it"
        gate.touch()
        assert process.stderr.read(1 + len(BEAT)) == b"\n" + BEAT, "it got no end"


def test_a_wrapped_tool_can_ask(tmp_path: Path) -> None:
    done = finished(wrapped([sys.executable, str(TOOL), str(tmp_path)]))
    assert done.returncode == 90
    assert done.stderr.splitlines()[-1].startswith(b'{"event":"approval_needed","question":"')


# --- the end ---------------------------------------------------------------------------------


def test_every_exit_code_is_passed_on() -> None:
    for code in (0, 1, 90, 126, 127, 128, 143, 255):
        assert finished(wrapped(["sh", "-c", f"exit {code}"])).returncode == code


@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL", "SIGSEGV", "SIGINT", "SIGPIPE"])
def test_an_end_by_a_signal_is_passed_on(name: str) -> None:
    number = signal.Signals[name]
    done = finished(wrapped(["sh", "-c", f"kill -{name.removeprefix('SIG')} $$"]))
    assert done.returncode == -number


@pytest.mark.parametrize("number", HANDED_ON)
def test_signals_are_handed_on(number: signal.Signals) -> None:
    program = (
        "import signal, sys, time\n"
        f"signal.signal({number.value}, lambda *_: sys.exit(42))\n"
        "print('ready', flush=True)\n"
        "while True: time.sleep(0.01)"
    )
    with started(wrapped(python(program))) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        assert process.wait(60) == 42


def test_a_signal_that_was_ignored_stays_so() -> None:
    argv = wrapped(["sh", "-c", "kill -HUP $$; echo alive"])
    done = finished(["sh", "-c", "trap '' HUP; exec \"$@\"", "sh", *argv])
    assert (done.returncode, done.stdout) == (0, b"alive\n")


def test_a_key_of_the_terminal_reaches_the_command_once() -> None:
    program = (
        "import os, signal, time\n"
        "came = []\n"
        "signal.signal(signal.SIGINT, lambda *_: (came.append(1), os.write(1, b'once')))\n"
        "signal.signal(signal.SIGUSR1, lambda *_: came.append(0))\n"
        "print('ready', flush=True)\n"
        "while 0 not in came: time.sleep(0.01)\n"
        "print('came', came, flush=True)"
    )
    terminal, side = pty.openpty()
    # The first terminal that the leader of a session opens is the session's own.
    opening = ["sh", "-c", 'exec "$@" <"$0" >"$0" 2>&1', os.ttyname(side)]
    process = subprocess.Popen(
        [*opening, *wrapped(python(program))], env=ENV, start_new_session=True
    )
    said = b""
    try:
        while b"ready" not in said:
            said += os.read(terminal, 4096)
        os.write(terminal, b"\x03")
        while b"once" not in said:
            said += os.read(terminal, 4096)
        process.send_signal(signal.SIGUSR1)  # is handed on after what came before it
        while b"]" not in said:
            said += os.read(terminal, 4096)
        assert b"came [1, 0]" in said
        assert process.wait(60) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(side)
        os.close(terminal)


def test_what_a_command_leaves_running_is_not_waited_for(tmp_path: Path) -> None:
    """It holds stderr, and writes to it faster than that is read."""
    gate = tmp_path / "gate"
    command = f"yes more >&2 & until [ -e {gate} ]; do sleep 0.01; done; exit 3"
    taken = 0
    with started(wrapped(["sh", "-c", command])) as process:
        assert isinstance(process.stderr, io.BufferedReader)
        until(lambda: waiting(process.stderr) > 60_000)
        gate.touch()
        while chunk := process.stderr.read1(4096):
            taken += len(chunk)
            assert taken < 8 * REST_BYTES
            time.sleep(0.001)
        assert process.wait(60) == 3


def waiting(pipe: IO[bytes] | None) -> int:
    """How many bytes are in a pipe."""
    assert pipe is not None
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


def test_stderr_that_nobody_reads_ends_a_command_as_it_would_without(tmp_path: Path) -> None:
    program = "import os, time\nwhile True: os.write(2, b'x\\n'); time.sleep(0.001)"
    with started(
        wrapped(python(f"import signal; signal.signal(13, signal.SIG_DFL)\n{program}"))
    ) as (process):
        assert process.stderr is not None
        process.stderr.read(len(BEAT))
        process.stderr.close()
        assert process.wait(60) == -signal.SIGPIPE


def test_closing_stderr_is_no_end(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    command = f"exec 2>&-; until [ -e {gate} ]; do sleep 0.01; done; exit 5"
    with started(wrapped(["sh", "-c", command], "0.001")) as process:
        assert process.stderr is not None
        assert process.stderr.read(len(BEAT) * 50) == BEAT * 50
        gate.touch()
        assert process.stderr.read().replace(BEAT, b"") == b""
        assert process.wait(60) == 5


def test_a_command_that_cannot_start(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    for command, code in (("no-such-program-here", NOT_FOUND), (str(plain), NOT_STARTED)):
        done = finished(wrapped([command]))
        assert done.returncode == code
        assert done.stderr.startswith(command.encode() + b": ")
    for words in ("", "--", "--every", "--every x -- a", "--nothing a", "--every 0 a",
                  "--every nan a", "--every inf a"):  # fmt: skip
        done = finished([sys.executable, "-m", "agent_runner.supervised", *words.split()])
        assert done.returncode == USAGE
        assert done.stderr.startswith(b"usage: ")


# --- the console command ---------------------------------------------------------------------


def test_the_console_command_is_the_same() -> None:
    argv = [sys.executable, "-m", "agent_runner.cli.main", "wrap", "--every", "100", "--"]
    done = finished([*argv, "sh", "-c", 'echo "$@"; echo err >&2; exit 9', "sh", "--every", "x"])
    assert (done.returncode, done.stdout, done.stderr) == (9, b"--every x\n", BEAT + b"err\n")
    assert finished([*argv, "sh", "-c", "kill -TERM $$"]).returncode == -signal.SIGTERM


def test_the_wrapper_starts_quickly() -> None:
    """It imports the standard library only; with everything of the project it takes seconds."""
    program = "import sys, agent_runner.supervised; print(*sys.modules)"
    modules = finished([sys.executable, "-S", "-c", program]).stdout.decode().split()
    ours = {name for name in modules if name.startswith("agent_runner")}
    assert ours == {"agent_runner", "agent_runner.supervised", "agent_runner.emitter"}
    assert {name.partition(".")[0] for name in modules} - {"agent_runner"} <= {
        *sys.stdlib_module_names,
        "__main__",
    }
