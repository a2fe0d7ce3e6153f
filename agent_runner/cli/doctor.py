"""agent-runner doctor."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import anyio
import typer

from agent_runner.app.configuration import CONFIG_VARIABLE, load_settings
from agent_runner.app.database import described
from agent_runner.cli.options import Json
from agent_runner.cli.terminal import ExitCode, fail, out, show_json, show_table
from agent_runner.doctor.examine import examine
from agent_runner.errors import AgentRunnerError


def doctor(
    config: Annotated[
        Path | None, typer.Option(envvar=CONFIG_VARIABLE, help="YAML file with settings.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Look at this machine: Python, SQLite, disk, and each CLI with its version and login.

    Asks no model and needs no running service. Exit code 1 if no CLI can be driven.
    """
    try:
        settings = load_settings(config)
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    report = anyio.run(examine, settings, os.environ, described())
    if as_json:
        show_json(report)
    else:
        show_table(
            ("CHECK", "STATUS", "DETAIL", "FIX"),
            [(f.name, f.status, f.detail, f.fix) for f in report.machine],
        )
        out.print()
        show_table(
            ("CLI", "VERSION", "LOGIN", "PATH", "FIX"),
            [(c.title, c.version, c.login, c.path, c.fix) for c in report.clis],
        )
        for newer in (one for one in report.clis if one.newer):
            out.print(
                f"\n{newer.title} {newer.version} is newer than {newer.recorded}, the version that "
                "was recorded: what it prints differently is told as drift."
            )
    if not any(cli.path is not None and cli.logged_in is not False for cli in report.clis):
        raise typer.Exit(ExitCode.FAILED)
