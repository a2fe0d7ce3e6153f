"""agent-runner attach."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Annotated

import typer

from agent_runner import quoting
from agent_runner.cli.options import Json, StateDir, Token, Url, client
from agent_runner.cli.terminal import fail, out, show_json
from agent_runner.errors import AgentRunnerError, UnavailableError
from agent_runner.tmux.capture import attach_command


def attach(
    agent_id: Annotated[str, typer.Argument(metavar="AGENT")],
    write: Annotated[bool, typer.Option("--write", help="Also type into it.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Print its screen once instead.")] = False,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Look at the terminal UI of an agent, in tmux; leave with ctrl+b d."""
    try:
        with client(url, token, state_dir) as service:
            found = service.get(quoting.path("agents", agent_id, "terminal"))
        tmux = shutil.which("tmux")
        if tmux is None and not (as_json or show):
            raise UnavailableError(
                "cli_not_found", "tmux is not on PATH", hint="install it, or use --show"
            )
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    if as_json:
        show_json(found)
    elif show:
        out.print(found["text"], markup=False, highlight=False)
    else:
        assert tmux is not None
        # By its name: the path may be longer than a socket's may be.
        os.chdir(Path(found["socket"]).parent)
        os.execv(tmux, [tmux, *attach_command(write=write)])  # noqa: S606
