"""agent-runner usage."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from agent_runner.cli.options import Json, StateDir, Token, Url, client
from agent_runner.cli.terminal import fail, out, show_json, show_table
from agent_runner.errors import AgentRunnerError

_UNKNOWN = "unknown"


def usage(
    by: Annotated[str, typer.Option(help="agent, conversation, model or day.")] = "agent",
    since: Annotated[
        str | None, typer.Option(help="Runs from this time on, such as 2026-01-31.")
    ] = None,
    agent: Annotated[str | None, typer.Option(help="Runs of this agent [of all].")] = None,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Show what runs have used: tokens, and money as the CLIs tell it, in US dollars.

    What no run has told is unknown, which is not zero. TOLD are the runs that told of tokens,
    PRICED those that told of a price: where that is fewer than RUNS, a sum is too low.
    """
    asked = {"by": by, "since": since, "agentId": agent}
    try:
        with client(url, token, state_dir) as service:
            found = service.get("/usage", **{name: value for name, value in asked.items() if value})
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    if as_json:
        show_json(found)
    elif not found["sums"]:
        out.print('No runs yet. Start one: agent-runner exec demo "Hello"')
    else:
        names = ("RUNS", "TOLD", "PRICED", "INPUT", "OUTPUT", "CACHE READ", "CACHE WRITE", "USD")
        sums = [(one["key"] or _UNKNOWN, one) for one in found["sums"]]
        rows = [_row(name, one) for name, one in [*sums, ("TOTAL", found["total"])]]
        show_table((by.upper(), *names), rows)


def _row(name: str, one: dict[str, Any]) -> tuple[object, ...]:
    tokens = ("inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens")
    cost = one["costUsd"]
    return (
        name,
        *(one[count] for count in ("runs", "told", "priced")),
        *(_UNKNOWN if one[token] is None else one[token] for token in tokens),
        _UNKNOWN if cost is None else f"{cost:.4f}",
    )
