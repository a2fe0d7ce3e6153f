"""agent-runner tickets: messages for agents that poll, and their replies."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from agent_runner.cli.options import Json, StateDir, Token, Url, client
from agent_runner.cli.terminal import fail, out, show_json, show_table
from agent_runner.client.user import user_name
from agent_runner.errors import AgentRunnerError
from agent_runner.plain_text import clean
from agent_runner.quoting import path

tickets = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""Leave messages for agents that poll, and take their replies.

    `agent-runner tickets send NAME "..." --wait 60` leaves one and waits for the reply; the
    agent finds it with `tickets pending NAME` and answers with `tickets reply TICKET "..."`.""",
)

Ticket = Annotated[str, typer.Argument(help="The ticket, as `send` shows it.")]
Wait = Annotated[int, typer.Option("--wait", min=0, max=600, help="Seconds to wait for the reply.")]


@tickets.command()
def send(
    agent: Annotated[str, typer.Argument(help="Name of an agent.")],
    message: Annotated[str, typer.Argument(help="What it is told.")],
    wait: Wait = 0,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Leave a message; the ticket is printed."""
    try:
        with client(url, token, state_dir) as service:
            body = {"content": message, "sender": user_name()}
            ticket = service.send("POST", path("agents", agent, "send"), body)
            if wait:
                where = path("replies", ticket["ticketId"], "wait")
                ticket = service.get(where, timeoutMs=wait * 1000)
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    _show(ticket, as_json=as_json)


@tickets.command()
def pending(
    agent: Annotated[str, typer.Argument(help="Name of an agent.")],
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """List what waits for an agent's reply, oldest first."""
    try:
        with client(url, token, state_dir) as service:
            found = list(service.pages(path("agents", agent, "tickets", "pending"), "tickets"))
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    if as_json:
        show_json(found)
    elif not found:
        out.print("Nothing waits.")
    else:
        rows = [
            (t["ticketId"], clean(t["sender"]), t["expiresAt"], clean(t["content"])) for t in found
        ]
        show_table(("TICKET", "FROM", "UNTIL", "MESSAGE"), rows)


@tickets.command()
def reply(
    ticket: Ticket,
    message: Annotated[str, typer.Argument(help="The reply.")],
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Reply to a ticket, once."""
    try:
        with client(url, token, state_dir) as service:
            body = {"ticketId": ticket, "content": message, "by": user_name()}
            replied = service.send("POST", "/replies", body)
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    _show(replied, as_json=as_json)


@tickets.command()
def show(
    ticket: Ticket,
    wait: Wait = 0,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Show a ticket and its reply."""
    try:
        with client(url, token, state_dir) as service:
            where = path("replies", ticket, "wait")
            found = service.get(where, timeoutMs=wait * 1000)
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    _show(found, as_json=as_json)


def _show(ticket: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(ticket)
    elif ticket["state"] == "replied":
        out.print(clean(ticket["reply"]))
    else:
        out.print(f"{ticket['ticketId']} is {ticket['state']}")
