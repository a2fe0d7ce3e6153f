"""agent-runner load: the load test of a source checkout."""

from __future__ import annotations

import subprocess
import sys

import typer

from agent_runner.cli.bench import FOLDER
from agent_runner.cli.terminal import fail
from agent_runner.errors import NotFoundError


def load(context: typer.Context) -> None:
    """Put the service under load in every mode, and say which criteria it meets.

    Scenarios: burst-tmux, burst-headless, mixed, one-agent, faults, flip, shadow, soak; all of
    them without an argument. --prompts N of a burst [100], --minutes N of the soak [1], --type
    and --program for another CLI than the scripted one (its agents' variables by --env
    NAME=VALUE), --json FILE and --markdown FILE for the results. Exit code 1 if a criterion is
    missed. It is part of the source checkout, not of the installed package.
    """
    if not (FOLDER / "load").is_dir():
        fail(
            NotFoundError(
                "no_benchmarks",
                "the load test is not installed",
                hint="run this in a source checkout: make load",
            )
        )
    argv = [sys.executable, "-m", "benchmarks.load", *context.args]
    raise typer.Exit(subprocess.call(argv, cwd=FOLDER.parent))
