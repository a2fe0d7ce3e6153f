"""agent-runner shadow: how headless compares with tmux, and whether tmux can go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from agent_runner.cli.options import Json, StateDir, Token, Url, client
from agent_runner.cli.terminal import ExitCode, fail, out, show_json, show_table
from agent_runner.errors import AgentRunnerError, BadRequestError
from agent_runner.plain_text import clean
from agent_runner.quoting import path
from shadow.report import NOTHING_YET, milliseconds, percent

shadow = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""Compare headless with tmux on the prompts of agents in commMode shadow.

    `shadow report` has the figures, `shadow mismatches` and `shadow failures` what to look
    at, `shadow show ID` both answers, `shadow criteria` whether tmux can go
    (runbooks/shadow.md).""",
)

Days = Annotated[int | None, typer.Option(min=1, max=36_500, help="The last so many days [30].")]
Agent = Annotated[str | None, typer.Option("--agent", help="Only this agent.")]
Type = Annotated[str | None, typer.Option("--type", help="Only this CLI type.")]
Limit = Annotated[int, typer.Option(min=1, max=200, help="At most so many, newest first.")]
_API = "/api/shadow-mode"


def _query(days: int | None, agent: str | None, type_: str | None) -> dict[str, str | int]:
    query: dict[str, str | int] = {}
    if days is not None:
        since = datetime.now(UTC) - timedelta(days=days)
        query["since"] = since.isoformat(timespec="seconds").replace("+00:00", "Z")
    query |= {k: v for k, v in (("agentId", agent), ("type", type_)) if v is not None}
    return query


@shadow.command()
def report(
    days: Days = None,
    agent: Agent = None,
    type_: Type = None,
    format_: Annotated[
        Literal["md", "html"], typer.Option("--format", help="Markdown or a page.")
    ] = "md",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write it to this file.")
    ] = None,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Show the figures, the criteria and the worst mismatches."""
    kind = "json" if as_json else format_
    try:
        with client(url, token, state_dir) as service:
            text = service.text(f"{_API}/report", format=kind, **_query(days, agent, type_))
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    if output is not None:
        try:
            output.write_text(text, "utf-8")
        except OSError as error:
            fail(BadRequestError("cannot_write", f"{output}: {error.strerror}"), as_json=as_json)
        out.print(f"Written to {clean(str(output))}")
    else:
        out.print(clean(text), end="" if text.endswith("\n") else "\n")


@shadow.command()
def mismatches(
    days: Days = None,
    agent: Agent = None,
    type_: Type = None,
    limit: Limit = 50,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """List the comparisons whose answers differ."""
    query = {**_query(days, agent, type_), "limit": limit}
    _list("mismatches", "No answers differ", query, as_json, url, token, state_dir)


@shadow.command()
def failures(
    days: Days = None,
    agent: Agent = None,
    type_: Type = None,
    limit: Limit = 50,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """List the comparisons of which a leg failed."""
    query = {**_query(days, agent, type_), "limit": limit}
    _list("failures", "No leg failed", query, as_json, url, token, state_dir)


@shadow.command()
def show(
    comparison_id: Annotated[str, typer.Argument(help="As the lists and the report have it.")],
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Show one comparison: why, and how both answers and both trees differ."""
    try:
        with client(url, token, state_dir) as service:
            found = service.get(f"{_API}/comparisons{path(comparison_id)}")
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    if as_json:
        show_json(found)
        return
    one = found["comparison"]
    out.print(
        f"{one['agentId']}, run {one['runId']}: {one['primaryMode']} and {one['mirrorMode']}: "
        f"{one['verdict'] or one['skippedBecause'] or one['state']}"
    )
    for reason in one["reasons"]:
        out.print(f"- {clean(reason['text'])}")
    for note in one["notes"]:
        out.print(f"- note: {note}")
    for title, text in (
        ("Answers", found["outputDiff"]),
        ("Files, primary", (found["primary"] or {}).get("diff")),
        ("Files, mirror", (found["mirror"] or {}).get("diff")),
    ):
        if text:
            out.print(f"\n{title}:\n{clean(text)}")
    if one["state"] == "done" and found["primary"] is None and found["mirror"] is None:
        out.print("Its outputs are no longer kept (maintenance.keep_outputs_days).")


@shadow.command()
def criteria(
    days: Days = None,
    agent: Agent = None,
    type_: Type = None,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Say whether tmux can go; exit code 0 if so, 1 if not yet."""
    try:
        with client(url, token, state_dir) as service:
            found = service.get(f"{_API}/criteria", **_query(days, agent, type_))
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    if as_json:
        show_json(found)
    else:
        out.print("Ready: tmux can go." if found["ready"] else "Not yet.")
        rows = [
            (c["name"], "met" if c["ok"] else "not met", c["text"], c["wanted"], c["missing"])
            for c in found["checks"]
        ]
        show_table(("CRITERION", "", "FOUND", "WANTED", "MISSING"), rows)
        if not found["comparisons"]:
            out.print(f"\n{NOTHING_YET}")
    raise typer.Exit(ExitCode.OK if found["ready"] else ExitCode.FAILED)


def _list(
    what: str,
    none: str,
    query: dict[str, Any],
    as_json: bool,
    url: str | None,
    token: str | None,
    state_dir: Path | None,
) -> None:
    try:
        with client(url, token, state_dir) as service:
            found = service.get(f"{_API}/{what}", **query)["comparisons"]
            any_at_all = found or service.get(f"{_API}/metrics", **_but_limit(query))["comparisons"]
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    if as_json:
        show_json(found)
    elif found:
        show_table(
            ("COMPARISON", "AGENT", "VERDICT", "ALIKE", "PRIMARY", "MIRROR", "WHY"),
            [_row(one) for one in found],
        )
    else:
        out.print(f"{none} in this window." if any_at_all else NOTHING_YET)


def _but_limit(query: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if name != "limit"}


def _row(one: dict[str, Any]) -> tuple[Any, ...]:
    legs = [
        f"{mode} {milliseconds((figures or {}).get('durationMs'))}"
        for mode, figures in (
            (one["primaryMode"], one["primaryFigures"]),
            (one["mirrorMode"], one["mirrorFigures"]),
        )
    ]
    why = "; ".join(reason["text"] for reason in one["reasons"])
    alike = percent(one["similarity"])
    return (one["comparisonId"], one["agentId"], one["verdict"], alike, *legs, why)
