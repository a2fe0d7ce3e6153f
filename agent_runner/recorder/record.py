"""Records one case: an isolated world, a scripted model, the real CLI, its bytes."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from agent_runner.agents.base import Adapter, AgentOptions, Form
from agent_runner.recorder.cases.case import Case, Step, Suite
from agent_runner.recorder.child import Child
from agent_runner.recorder.driver import CaseError, Driver, PlainSession, session_id
from agent_runner.recorder.isolation import World
from agent_runner.recorder.models import ModelServer, Reply
from agent_runner.recorder.recording import Command, Recording
from agent_runner.runners.terminal import TMUX, TMUX_INSTALL_HINT, driven


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What the cases of one CLI version share."""

    suite: Suite
    adapter: Adapter
    program: Path
    install: Path
    server: ModelServer


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A recording, and the command lines of processes the CLI left behind (now killed)."""

    recording: Recording
    survivors: list[str]


@dataclass(frozen=True, kw_only=True)
class _Run:
    steps: tuple[Step, ...]
    replies: tuple[Reply, ...]
    form: Form
    resume: str | None
    argv: tuple[str, ...] | None
    within: float
    stdout_file: bool = False


def record(bench: Bench, case: Case) -> Outcome:
    """Run `case` and return what it gave; CaseError if it went another way than declared."""
    with World(bench.install) as world:
        url = bench.server.url
        files = {**bench.suite.files, **case.files}
        world.write_files(world.cwd, files, url)
        world.write_files(world.home, {**bench.suite.home_files, **case.home_files}, url)
        resume = case.resume
        if case.first:
            first = _Run(
                steps=case.first.steps,
                replies=case.first.replies,
                form=case.first.form,
                resume=None,
                argv=None,
                within=case.within,
            )
            resume = session_id(_run(bench, case, world, first).recording.stdout)
            time.sleep(case.first.pause)
        run = _Run(
            steps=case.steps,
            replies=case.replies,
            form=case.form,
            resume=resume,
            argv=case.argv,
            within=case.within,
            stdout_file=case.stdout_file,
        )
        outcome = _run(bench, case, world, run)
    _check(case, outcome.recording)
    return outcome


def _run(bench: Bench, case: Case, world: World, run: _Run) -> Outcome:
    url = bench.server.url
    options = _options({**bench.suite.options, **case.options}, world, url)
    launch = bench.adapter.launch(
        options, run.form, resume=run.resume, private_dir=str(world.private)
    )
    for name, data in launch.files.items():
        target = world.private / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        target.chmod(0o600)
    arguments = list(run.argv) if run.argv else launch.argv[1:]
    argv = program = [str(bench.program), *(world.fill(word, url) for word in arguments)]
    if launch.terminal is not None:
        program, setup = driven(argv, launch.terminal, str(world.cwd), world.private, Path(_tmux()))
        for name, data in setup.items():
            (world.private / name).write_bytes(data)
    extra = {**bench.suite.env, **launch.env, **options.env, **case.env}
    session = (
        PlainSession() if run.argv else bench.adapter.session(options, run.form, resume=run.resume)
    )
    bench.server.script(_replies(run, world, url))
    stdout_file = world.private / "stdout" if run.stdout_file else None
    child = Child(program, world.environment(extra, url), world.cwd, stdout_file)
    try:
        driver = Driver(child, session, run.form)
        code = driver.play(run.steps, run.within)
    except CaseError as error:
        raise CaseError(f"{error}; stderr: {bytes(child.stderr[-500:])!r}") from error
    finally:
        survivors = child.end()
    command = Command(
        argv=argv,
        form=run.form.value,
        options=msgspec.to_builtins(options),
        resume=run.resume,
        steps=driver.log,
    )
    normal = msgspec.json.decode(world.normalise(msgspec.json.encode(command)), type=Command)
    recording = Recording(
        command=normal,
        stdin=world.normalise(bytes(child.stdin)),
        stdout=world.normalise(bytes(child.stdout)),
        stderr=world.normalise(bytes(child.stderr)),
        exit=code,
    )
    left = [world.normalise(command.encode()).decode() for command in survivors]
    return Outcome(recording=recording, survivors=left)


def _tmux() -> str:
    path = shutil.which(TMUX)
    if path is None:
        raise CaseError(f"tmux is not on PATH: {TMUX_INSTALL_HINT}")
    return path


def _options(options: dict[str, Any], world: World, url: str) -> AgentOptions:
    """`options` with their placeholders filled in, at any depth."""
    text = world.fill(msgspec.json.encode(options).decode(), url)
    return msgspec.convert({**msgspec.json.decode(text), "cwd": str(world.cwd)}, AgentOptions)


def _replies(run: _Run, world: World, url: str) -> list[Reply]:
    text = world.fill(msgspec.json.encode(list(run.replies)).decode(), url)
    return msgspec.json.decode(text, type=list[Reply])


def _check(case: Case, recording: Recording) -> None:
    if case.exit is not None and recording.exit != case.exit:
        raise CaseError(
            f"exit {recording.exit}, not {case.exit}; stderr: {recording.stderr[-300:]!r}"
        )
    for text in case.expect:
        data = text.encode()
        if data not in recording.stdout and data not in recording.stderr:
            raise CaseError(
                f"the output lacks {text!r}; it ends {recording.stdout[-600:]!r}, "
                f"stderr {recording.stderr[-300:]!r}"
            )
