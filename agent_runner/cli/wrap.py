"""agent-runner wrap: a command with heartbeats."""

from __future__ import annotations

from typing import Annotated

import typer

from agent_runner import emitter, supervised


def wrap(
    command: Annotated[list[str], typer.Argument(help="The command and its arguments, after --.")],
    every: Annotated[
        float | None,
        typer.Option(
            min=0.001, help="Seconds between heartbeats [AGENT_RUNNER_HEARTBEAT_MS, or 30]."
        ),
    ] = None,
) -> None:
    """Run COMMAND and send heartbeats on stderr as long as it lives.

    For the command of an agent of type custom that is silent for long. Its stdin and stdout are
    left as they are, and its exit code is that of COMMAND.
    `python -m agent_runner.supervised` does the same and starts quicker.
    """
    interval = every if every is not None else emitter.asked_interval_s()
    raise typer.Exit(supervised.run(command, interval))
