"""agent-runner load: the load test of a source checkout."""

from __future__ import annotations

import subprocess
import sys

import typer

from agent_runner.cli.bench import FOLDER
from agent_runner.cli.terminal import fail
from agent_runner.errors import NotFoundError

PASSED_ON = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}


def load(context: typer.Context) -> None:
    """Put the service under load in every mode, and say which criteria it meets (--help).

    Bursts in tmux and headless, both mixed, many prompts to one agent, faults, a fallback in
    the middle, shadow, a soak; against the scripted CLI, or any other with --program. It is
    part of the source checkout, not of the installed package.
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
