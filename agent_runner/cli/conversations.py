"""agent-runner conversations: list, show and export."""

from __future__ import annotations

from typing import Annotated

import typer

from agent_runner.cli.options import Json, StateDir, Token, Url, client
from agent_runner.cli.terminal import fail, out, show_json, show_table
from agent_runner.errors import AgentRunnerError
from agent_runner.plain_text import clean, escaped
from agent_runner.quoting import path

conversations = typer.Typer(help="Stored conversations.", no_args_is_help=True)


@conversations.command("list")
def list_conversations(
    agent: Annotated[str | None, typer.Argument(help="Name of an agent [all].")] = None,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """List conversations, newest first."""
    try:
        with client(url, token, state_dir) as service:
            where = path("agents", agent, "conversations") if agent else "/conversations"
            found = list(service.pages(where, "conversations", cursor="before"))
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    if as_json:
        show_json(found)
    elif not found:
        out.print(f'No conversations yet. Start one: agent-runner exec {agent or "demo"} "Hello"')
    else:
        names = ("conversationId", "agentId", "state", "lastTurnSeq", "updatedAt", "title")
        rows = [[conversation[name] for name in names] for conversation in found]
        show_table(("CONVERSATION", "AGENT", "STATE", "TURNS", "UPDATED", "TITLE"), rows)


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


@conversations.command("export")
def export_conversation(
    conversation: Annotated[str, typer.Argument(help="Id of a conversation.")],
    form: Annotated[str, typer.Option("--format", help="markdown or json.")] = "markdown",
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Print a conversation as a file to keep: agent-runner conversations export ID > chat.md."""
    try:
        with client(url, token, state_dir) as service:
            text = service.text(path("conversations", conversation, "export"), format=form)
    except AgentRunnerError as error:
        fail(error)
    out.print(escaped(text) if form == "json" else clean(text), end="")
