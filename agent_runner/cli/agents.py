"""agent-runner agents: list, register, show, remove."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from agent_runner.cli.options import Json, StateDir, Token, Url, client, named_folder
from agent_runner.cli.terminal import fail, out, show_json, show_table
from agent_runner.errors import AgentRunnerError
from agent_runner.quoting import path

agents = typer.Typer(help="Registered agents.", no_args_is_help=True)


@agents.command("list")
def list_agents(
    as_json: Json = False, url: Url = None, token: Token = None, state_dir: StateDir = None
) -> None:
    """List registered agents; with --json each secret among their options is a `*`."""
    try:
        with client(url, token, state_dir) as service:
            found = service.get("/agents")["agents"]
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    if as_json:
        show_json(found)
    elif not found:
        out.print("No agents. Register one: agent-runner agents add NAME --type claude-code")
    else:
        rows = [
            (
                *(agent[name] for name in ("agentId", "name", "type", "commMode", "state")),
                agent["options"].get("model"),
                agent["options"]["cwd"],
            )
            for agent in found
        ]
        show_table(("AGENT", "NAME", "TYPE", "MODE", "STATE", "MODEL", "CWD"), rows)


@agents.command("add")
def add_agent(
    name: Annotated[str, typer.Argument(help="A name of letters, digits, dots and dashes.")],
    type_: Annotated[
        str,
        typer.Option(
            "--type",
            help="Its kind, such as claude-code; a wrong one gets a list.",
        ),
    ],
    cwd: Annotated[
        Path | None,
        typer.Option(parser=named_folder, metavar="FOLDER", help="Its working folder [here]."),
    ] = None,
    comm_mode: Annotated[
        str, typer.Option(help="headless, tmux, or shadow: both, compared.")
    ] = "headless",
    model: Annotated[str | None, typer.Option(help="Model [the CLI's default].")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            "-o",
            metavar="NAME=JSON",
            help="Any other field of POST /agents/register, e.g. -o 'allowedTools=[\"Bash\"]'.",
        ),
    ] = None,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Register an agent."""
    body: dict[str, Any] = {"agentId": name, "type": type_, "cwd": str((cwd or Path()).resolve())}
    body["commMode"] = comm_mode
    if model is not None:
        body["model"] = model
    for text in option or []:
        field, _, value = text.partition("=")
        try:
            body[field] = json.loads(value, parse_constant=_no_constant)
        except ValueError as error:
            raise typer.BadParameter(f"{text!r}: the value is no JSON: {error}") from error
    try:
        with client(url, token, state_dir) as service:
            agent = service.send("POST", "/agents/register", body)
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    if as_json:
        show_json(agent)
    else:
        out.print(f'{name} is registered. Try: agent-runner exec {name} "Hello"')


@agents.command("show")
def show_agent(
    name: str,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Print one agent as JSON; each secret among its options is a `*`."""
    try:
        with client(url, token, state_dir) as service:
            show_json(service.get(path("agents", name)))
    except AgentRunnerError as error:
        fail(error)


@agents.command("remove")
def remove_agent(
    name: str,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Forget an agent; its conversations stay readable."""
    try:
        with client(url, token, state_dir) as service:
            service.send("DELETE", path("agents", name))
    except AgentRunnerError as error:
        fail(error)
    out.print(f"{name} is removed.")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
