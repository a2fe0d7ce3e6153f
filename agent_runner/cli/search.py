"""agent-runner search."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from agent_runner.cli.options import Json, StateDir, Token, Url, client
from agent_runner.cli.terminal import fail, out, quoted, show_json
from agent_runner.errors import AgentRunnerError


def search(
    words: Annotated[list[str], typer.Argument(help='Words, "a phrase", -word for one not there.')],
    agent: Annotated[str | None, typer.Option(help="Of this agent [of all].")] = None,
    since: Annotated[str | None, typer.Option(help="From this time on, e.g. 2026-01-31.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this time.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="The most hits.")] = 20,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Find turns that hold all of the words, newest first, in every conversation.

    The last word may be the beginning of one. Put -- before a word that begins with a dash. A
    phrase keeps its quotation marks through a shell inside others: '"the phrase"'.
    """
    asked = {"q": " ".join(words), "agentId": agent, "since": since, "until": until}
    given: dict[str, str | int] = {name: value for name, value in asked.items() if value}
    try:
        with client(url, token, state_dir) as service:
            hits = service.get("/search", **given, limit=limit)["hits"]
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    if as_json:
        show_json(hits)
    elif not hits:
        out.print("Nothing was found.")
    else:
        for hit in hits:
            where = f"{hit['conversationId']} {hit['seq']}"
            out.print(f"--- {where} {hit['role']} {hit['createdAt']} {hit['agentId']}")
            out.print(quoted(_marked(hit["snippet"])))


def _marked(snippet: list[dict[str, Any]]) -> str:
    return "".join(f"[{part['text']}]" if part["hit"] else part["text"] for part in snippet)
