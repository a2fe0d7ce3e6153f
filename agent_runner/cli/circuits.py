"""agent-runner circuits: list, reset."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from agent_runner.cli.options import Json, StateDir, Token, Url, client
from agent_runner.cli.terminal import fail, out, show_json, show_table
from agent_runner.errors import AgentRunnerError
from agent_runner.quoting import path

circuits = typer.Typer(
    help="Circuit breakers: CLIs that failed too often and are left alone for a while.",
    no_args_is_help=True,
)


@circuits.command("list")
def list_circuits(
    as_json: Json = False, url: Url = None, token: Token = None, state_dir: StateDir = None
) -> None:
    """List the breakers that have seen a failure."""
    try:
        with client(url, token, state_dir) as service:
            found = service.get("/agents/circuits/status")["circuits"]
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    _show(found, as_json=as_json)


@circuits.command("reset")
def reset_circuit(
    agent: Annotated[str, typer.Argument(help="Name of an agent.")],
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Close the breakers of an agent and of its CLI type: the next prompt is tried."""
    try:
        with client(url, token, state_dir) as service:
            found = service.send("POST", path("agents", agent, "circuit", "reset"), {})["circuits"]
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    _show(found, as_json=as_json)


def _show(found: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        show_json(found)
    elif not found:
        out.print("No circuit has seen a failure.")
    else:
        show_table(
            ("SCOPE", "NAME", "STATE", "FAILURES", "LAST CODE", "RETRY IN"),
            [
                (
                    c["scope"],
                    c["name"],
                    c["state"],
                    c["failures"],
                    c["code"],
                    None if c["retryInMs"] is None else f"{c['retryInMs'] / 1000:.0f} s",
                )
                for c in found
            ],
        )
