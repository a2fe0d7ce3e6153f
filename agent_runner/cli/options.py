"""Options that several commands take, and the client made from them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent_runner.client.http import URL_VARIABLE, Client, kept_token
from agent_runner.settings import default_state_dir

Url = Annotated[str, typer.Option("--url", envvar=URL_VARIABLE, help="Where the service listens.")]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="AGENT_RUNNER_TOKEN",
        help="Bearer token; by default the one in the state folder.",
    ),
]
StateDir = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        envvar="AGENT_RUNNER_STATE_DIR",
        help="Folder of the database, the token and the raw logs.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

DEFAULT_URL = "http://127.0.0.1:8420"


def client(url: str, token: str | None, state_dir: Path | None) -> Client:
    """A client of the service at `url`."""
    return Client(url, token or kept_token(state_dir or default_state_dir()))
