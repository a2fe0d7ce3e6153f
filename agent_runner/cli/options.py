"""Options that several commands take, and the client made from them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from agent_runner.client.http import DEFAULT_URL, URL_VARIABLE, Client, kept_token, kept_url
from agent_runner.folders import absolute
from agent_runner.settings import default_state_dir


def named_folder(text: str) -> Path:
    """The folder that an option names; a usage error if it names none."""
    try:
        return absolute(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar=URL_VARIABLE,
        help=f"Where the service listens [as the state folder says, else {DEFAULT_URL}].",
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="AGENT_RUNNER_TOKEN",
        help="Bearer token; by default the one in the state folder. Other users of the machine can "
        "read a command line: give it as AGENT_RUNNER_TOKEN.",
    ),
]
StateDir = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        envvar="AGENT_RUNNER_STATE_DIR",
        parser=named_folder,
        metavar="FOLDER",
        help="Folder of the database, the token and the raw logs.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def client(url: str | None, token: str | None, state_dir: Path | None) -> Client:
    """A client of the service."""
    return Client(*service_of(url, token, state_dir))


def service_of(
    url: str | None, token: str | None, state_dir: Path | None
) -> tuple[str, str | None]:
    """The URL and the token of the service that is meant."""
    if url and token:
        return url, token
    folder = state_dir or default_state_dir()
    return url or kept_url(folder), token or kept_token(folder)


def milliseconds(amount: float, unit_ms: int) -> int:
    """A time in milliseconds; a usage error if it is none."""
    if not (math.isfinite(amount) and amount > 0):
        raise typer.BadParameter(f"{amount:g} is no time")
    return max(1, round(amount * unit_ms))
