"""Time to the first event of a later turn: warm process against a new process per turn.

A warm process is quicker from its third turn on than in its second: both are told.

A new process is measured twice: started from the page cache, which the process of the turn
before has filled, and from disk, its program's files dropped from that cache before each start,
as after a boot, under memory pressure or after a long pause. The target is held to both.

Each version in `fixtures/manifest.toml` is measured: how long a CLI thinks before its first event
of a turn differs between its versions more than anything around it. The rows "bare CLI" say how
much of a ratio is the CLI's own.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from recorder.cases.acp import SUITE as ACP
from recorder.cases.case import Suite
from recorder.cases.claude import SUITE as CLAUDE
from recorder.cases.codex import SUITE as CODEX
from recorder.cases.droid import SUITE as DROID
from recorder.cases.gemini import SUITE as GEMINI
from recorder.install import cache_folder, install
from recorder.manifest import Cli, find, load

from agent_runner.agents.base import Adapter, AgentOptions, CliProtocol, Exit, Form
from agent_runner.agents.registry import INSTALLED, adapter_for
from agent_runner.events.base import AgentEvent
from agent_runner.events.message import MessageCompleted, MessageDelta
from agent_runner.events.message import TurnCompleted as Verdict
from agent_runner.events.session import SessionStarted
from benchmarks.harness import (
    Service,
    columns,
    connected,
    heading,
    median,
    register,
    row,
    service,
    verdict,
)
from benchmarks.page_cache import ProgramFiles

TARGET = 20
READY_RATIO = 1.5
WARM_TURNS = ("first", "second", "later", "later", "later")
NEW_TURNS = ("first", "second")
# With more of its program in the page cache a start is not from disk.
MOST_CACHED = 0.05
# CLI, rounds, seconds from an answer to the next prompt, target. A program asks at once, a
# person later, when both processes have to be woken: the ratio is another one.
CASES = (
    (CLAUDE, 11, 0.0, TARGET),
    (CLAUDE, 11, 0.5, TARGET),
    (GEMINI, 4, 0.5, None),
    (DROID, 4, 0.5, None),
    (CODEX, 4, 0.5, None),
    (ACP, 4, 0.5, None),
)
FIRST = (b"event: session.started\n", b"event: message.delta\n", b"event: message.completed\n")
FIRST_EVENTS = (SessionStarted, MessageDelta, MessageCompleted)


@contextmanager
def model() -> Iterator[str]:
    """The base URL of a stand-in for the model APIs that answers at once, in its own process."""
    argv = [sys.executable, "-m", "recorder.models", "--port", "0"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


class Bench:
    """One CLI in a home of its own: its present version, unless `version` is another pinned one."""

    def __init__(self, suite: Suite, url: str, root: Path, version: str | None = None) -> None:
        self.suite = suite
        cli = find(suite.agent, version)
        self.program = install(cli.agent, cli.version)
        self.files = ProgramFiles(*_program_parts(cli, self.program))
        self.most_cached = 0.0
        self.options = dict(suite.options)
        if "command" in self.options:
            self.options["command"] = [str(self.program), *self.options["command"][1:]]
        self.home = root / "home"
        self.cwd = root / "work"
        self.cwd.mkdir()

        def fill(text: str) -> str:
            return text.replace("{home}", str(self.home)).replace("{url}", url)

        for name, text in suite.home_files.items():
            file = self.home / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(fill(text))
        self.env = {
            "HOME": str(self.home),
            "TMPDIR": str(root),
            "SHELL": "/bin/bash",
            **{name: fill(value) for name, value in suite.env.items()},
        }

    def forget_program(self) -> None:
        """Have the next start read the program from disk."""
        self.most_cached = max(self.most_cached, self.files.drop())


def _program_parts(cli: Cli, program: Path) -> list[Path]:
    """Where a CLI is installed, and what runs it, if it is a script."""
    parts = [cache_folder() / cli.agent / cli.version]
    if cli.node:
        parts += [
            path for word in shlex.split(program.read_text()) if (path := Path(word)).is_file()
        ]
    return parts


async def through_service(at: Service, agent: str) -> tuple[float, bool]:
    """Send a prompt: seconds to the CLI's first event, and whether the run succeeded."""
    first, tail = 0.0, b""
    async with connected(at) as connection:
        begun = time.perf_counter()
        path = f"/agents/{agent}/execute"
        async for piece in connection.stream("POST", path, {"prompt": "hello"}):
            if not first and any(name in piece for name in FIRST):
                first = time.perf_counter() - begun
            tail = tail[-4096:] + piece
    return first, b'"success":true' in tail


class Bare:
    """The CLI without the service: its pipes, read line by line."""

    def __init__(self, bench: Bench, form: Form) -> None:
        self._adapter: Adapter = adapter_for(bench.suite.agent)
        options = {**bench.options, "cwd": str(bench.cwd)}
        self._options = msgspec.convert(options, AgentOptions)
        self._bench, self._form = bench, form
        self._protocol: CliProtocol
        self._process: asyncio.subprocess.Process

    async def turn(self, *, new: bool) -> float:
        """Seconds from the prompt (or the start of a new process for it) to the first event."""
        begun = time.perf_counter()
        if new:
            await self._start()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(self._session.prompt("hello"))
        if self._session.close_after_prompt:
            self._process.stdin.close()
        first = 0.0
        while line := await self._process.stdout.readline():
            received = self._session.receive(line.rstrip(b"\n"))
            self._process.stdin.write(received.send)
            if not first and any(isinstance(event, FIRST_EVENTS) for event in received.events):
                first = time.perf_counter() - begun
            if _ended(received.events):
                break
        return first

    async def start(self) -> None:
        """Start a process, and wait until it would begin a prompt at once."""
        await self._start()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        while not self._session.ready and (line := await self._process.stdout.readline()):
            self._process.stdin.write(self._session.receive(line.rstrip(b"\n")).send)

    async def _start(self) -> None:
        launch = self._adapter.launch(self._options, self._form, resume=None, private_dir="/none")
        self._session = self._adapter.protocol(self._options, self._form, resume=None)
        self._process = await asyncio.create_subprocess_exec(
            str(self._bench.program),
            *launch.argv[1:],
            env={"PATH": os.environ["PATH"], **self._bench.env, **launch.env},
            cwd=self._bench.cwd,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=1 << 24,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(self._session.open())

    async def end(self) -> None:
        """Close its input and see it go."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 3)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        self._session.finish(Exit(code=self._process.returncode))


def _ended(events: list[AgentEvent]) -> bool:
    return any(isinstance(event, Verdict) for event in events)


Times = dict[str, list[float]]


async def measure(bench: Bench, warm: Service, cold: Service, samples: int, pause: float) -> Times:
    """Warm, new process from the page cache and from disk, and bare CLI, in turn."""
    times: Times = {}
    kind = bench.suite.agent

    def note(name: str, seconds: float) -> None:
        times.setdefault(name, []).append(seconds)

    for sample in range(samples + 1):
        taken: list[tuple[str, float]] = []
        for name, at, turns in (
            ("ready", warm, NEW_TURNS),
            ("warm", warm, WARM_TURNS),
            ("new", cold, NEW_TURNS),
            ("disk", cold, NEW_TURNS),
        ):
            agent = f"{kind}-{name}-{sample}"
            await register(at, agent, type=kind, **bench.options)
            if name == "ready":
                async with connected(at) as connection:
                    await connection.call("POST", f"/agents/{agent}/start", {})
                await asyncio.sleep(pause)
            for turn in turns:
                if name == "disk":
                    bench.forget_program()
                seconds, ok = await through_service(at, agent)
                if ok:
                    taken.append((f"{name} {turn}", seconds))
                await asyncio.sleep(pause)
            async with connected(at) as connection:
                await connection.call("POST", f"/agents/{agent}/end-session", {})
        bare = Bare(bench, Form.WARM)
        for number, turn in enumerate(WARM_TURNS):
            taken.append((f"bare {turn}", await bare.turn(new=number == 0)))
            await asyncio.sleep(pause)
        await bare.end()
        ready = Bare(bench, Form.WARM)
        await ready.start()
        for turn in NEW_TURNS:
            await asyncio.sleep(pause)
            taken.append((f"bare ready {turn}", await ready.turn(new=False)))
        await ready.end()
        # The first round fills caches of the disk and of the CLI's home.
        for name, seconds in taken if sample else ():
            note(name, seconds)
    return times


def report(bench: Bench, times: Times, target: int | None) -> None:
    """The rows of one CLI."""

    def compare(what: str, ours: str, other: str, target: int | None = None) -> None:
        a, b = median(times[ours]) * 1e3, median(times[other]) * 1e3
        wanted = f">= {target}x sooner: {verdict(b / a >= target)}" if target else ""
        row(what, f"{a:.1f}", f"{b:.1f}", f"{b / a:.1f}x", wanted)

    # Droid's one-shot form asks Factory's own API for the session and cannot resume here.
    resumed = "new second" in times
    of_new, session = ("second", "") if resumed else ("first", ", new session")
    from_disk = bench.most_cached <= MOST_CACHED
    for what, ours in (("second turn", "warm second"), ("turns 3 to 5", "warm later")):
        compare(f"{what}, warm | new process{session}", ours, f"new {of_new}", target)
        if from_disk:
            compare(
                f"{what}, warm | new process from disk{session}", ours, f"disk {of_new}", target
            )
    if not from_disk:
        kept = f"{bench.most_cached:.0%} of the program stays in the page cache"
        row("warm | new process from disk", "", "", "", f"not measured: {kept}")
    for what, turn in (("second turn", "second"), ("turns 3 to 5", "later")):
        compare(f"{what}, warm | bare CLI, warm", f"warm {turn}", f"bare {turn}")
        compare(f"bare CLI: {what}, warm | first turn", f"bare {turn}", "bare first")
    a, b = median(times["ready first"]) * 1e3, median(times["ready second"]) * 1e3
    row(
        "first turn after start | second turn",
        f"{a:.1f}",
        f"{b:.1f}",
        f"{a / b:.2f}x",
        f"<= {READY_RATIO}x: {verdict(a <= READY_RATIO * b)}",
    )
    compare("bare CLI that is ready: first turn | second", "bare ready first", "bare ready second")
    compare("first turn, warm | new process", "warm first", "new first")
    compare("first turn, warm | bare CLI, warm", "warm first", "bare first")


def table(cli: Cli, suite: Suite, url: str, samples: int, pause: float, target: int | None) -> None:
    """Measure one version of a CLI and print its table."""
    heading(
        f"{cli.agent} {cli.version}: ms from prompt to the CLI's first event, {pause} s after "
        "the last answer (medians; the model is a stand-in that answers at once)"
    )
    columns("other")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        bench = Bench(suite, url, Path(folder), cli.version)
        programs = {suite.agent: str(bench.program)} if suite.agent in INSTALLED else {}
        with (
            service("claude", bench.env, programs, warm_processes=2) as warm,
            service("claude", bench.env, programs, warm_processes=0) as cold,
        ):
            times = asyncio.run(measure(bench, warm, cold, samples, pause))
            report(bench, times, target)


def main() -> None:
    """Print the tables."""
    with model() as url:
        for suite, samples, pause, target in CASES:
            for cli in load():
                if cli.agent == suite.agent:
                    table(cli, suite, url, samples, pause, target)


if __name__ == "__main__":
    main()
