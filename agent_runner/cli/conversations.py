"""agent-runner conversations: list and show."""

from __future__ import annotations

from typing import Annotated

import typer

from agent_runner.cli.options import Json, StateDir, Token, Url, client
from agent_runner.cli.terminal import fail, out, show_json, show_table
from agent_runner.errors import AgentRunnerError
from agent_runner.plain_text import clean
from agent_runner.quoting import path

conversations = typer.Typer(help="Stored conversations.", no_args_is_help=True)


@conversations.command("list")
def list_conversations(
    agent: Annotated[str, typer.Argument(help="Name of an agent.")],
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """List an agent's conversations, newest first."""
    try:
        with client(url, token, state_dir) as service:
            where = path("agents", agent, "conversations")
            found = list(service.pages(where, "conversations", cursor="before"))
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    if as_json:
        show_json(found)
    elif not found:
        out.print(f'No conversations yet. Start one: agent-runner exec {agent} "Hello"')
    else:
        rows = [(c["conversationId"], c["state"], c["lastTurnSeq"], c["updatedAt"]) for c in found]
        show_table(("CONVERSATION", "STATE", "TURNS", "UPDATED"), rows)


@conversations.command("show")
def show_conversation(
    conversation: Annotated[str, typer.Argument(help="Id of a conversation.")],
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Print a conversation's messages."""
    try:
        with client(url, token, state_dir) as service:
            turns = list(service.pages(path("conversations", conversation), "turns"))
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    if as_json:
        show_json(turns)
        return
    for turn in turns:
        out.print(f"--- {turn['seq']} {turn['role']} {turn['createdAt']}")
        out.print(clean(turn["content"]))
