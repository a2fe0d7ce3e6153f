"""agent-runner fallback: what runs in tmux instead of headless, why, and changing it."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from agent_runner.cli.options import Json, StateDir, Token, Url, client
from agent_runner.cli.terminal import fail, out, show_json, show_json_text, show_table, stream_over
from agent_runner.client.user import user_name
from agent_runner.errors import AgentRunnerError, BadRequestError
from agent_runner.plain_text import clean

fallback = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""Run CLIs in tmux instead of headless, and see why they do.

    `fallback cli disable claude-code` has every Claude Code agent run in tmux from the next
    prompt on, `fallback cli enable claude-code` takes it back. `fallback agent force NAME`
    does it for one agent. The service does the same by itself on evidence
    (runbooks/fallback.md).""",
)
cli = typer.Typer(no_args_is_help=True, help="A whole CLI type, or `*` for every one.")
agent = typer.Typer(no_args_is_help=True, help="One agent.")
fallback.add_typer(cli, name="cli")
fallback.add_typer(agent, name="agent")

Reason = Annotated[str, typer.Option(help="Why; the audit keeps it.")]
By = Annotated[
    str | None, typer.Option(help="Who does it [your user name].", envvar="AGENT_RUNNER_BY")
]
For = Annotated[str | None, typer.Option("--for", help="It ends by itself: 30s, 15m, 8h, 2d.")]
Type = Annotated[str, typer.Argument(help="An agent type, such as claude-code; or `*`.")]
Name = Annotated[str, typer.Argument(help="Name of an agent.")]
_UNITS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_NO_REASON = "no reason given"


@fallback.command()
def status(
    as_json: Json = False, url: Url = None, token: Token = None, state_dir: StateDir = None
) -> None:
    """Show the toggles in force, and how each agent would be driven now."""
    try:
        with client(url, token, state_dir) as service:
            found = service.get("/api/fallback/status")
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    if as_json:
        show_json(found)
        return
    if not found["tmux"]:
        out.print("tmux is not installed, or is turned off: nothing can fall back to it.")
    _show_toggles(found["toggles"])
    rows = [(a["agentId"], a["commMode"], a["mode"], a["reason"]) for a in found["agents"]]
    if rows:
        show_table(("AGENT", "COMM MODE", "RUNS NOW", "WHY"), rows)


@cli.command("disable")
def disable_cli(
    type_: Type,
    reason: Reason = _NO_REASON,
    lasts: For = None,
    by: By = None,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Run a CLI type in tmux, from the next run on."""
    _change("cli/disable", {"type": type_}, reason, lasts, by, as_json, url, token, state_dir)


@cli.command("enable")
def enable_cli(
    type_: Type,
    pin: Annotated[
        bool, typer.Option("--pin", help="And keep it headless, whatever the evidence.")
    ] = False,
    reason: Reason = _NO_REASON,
    lasts: For = None,
    by: By = None,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Run a CLI type headless again."""
    body = {"type": type_, "pin": pin}
    _change("cli/enable", body, reason, lasts, by, as_json, url, token, state_dir)


@agent.command("force")
def force_agent(
    name: Name,
    mode: Annotated[str, typer.Option(help="tmux or headless.")] = "tmux",
    reason: Reason = _NO_REASON,
    lasts: For = None,
    by: By = None,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Run one agent in this mode, whatever stands for its CLI type."""
    body = {"agentId": name, "mode": mode}
    _change("agent/force", body, reason, lasts, by, as_json, url, token, state_dir)


@agent.command("clear")
def clear_agent(
    name: Name,
    reason: Reason = _NO_REASON,
    by: By = None,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Take an agent's toggle away."""
    _change("agent/clear", {"agentId": name}, reason, None, by, as_json, url, token, state_dir)


@fallback.command("clear-all")
def clear_all(
    reason: Reason = _NO_REASON,
    by: By = None,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Take every toggle away, those that the service set by itself too."""
    _change("clear-all", {}, reason, None, by, as_json, url, token, state_dir)


@fallback.command()
def audit(
    scope: Annotated[str | None, typer.Option(help="agent, type or global.")] = None,
    name: Annotated[str | None, typer.Option(help="Only this agent or CLI type.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many, newest first.")] = 50,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Show who changed what, when, why and from where."""
    query: dict[str, str | int] = {"limit": limit}
    query |= {key: value for key, value in (("scope", scope), ("name", name)) if value is not None}
    try:
        with client(url, token, state_dir) as service:
            entries = service.get("/api/fallback/audit", **query)["entries"]
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    if as_json:
        show_json(entries)
    elif not entries:
        out.print("Nothing has changed yet.")
    else:
        show_table(
            ("TIME", "WHAT", "FOR", "MODE", "BY", "VIA", "WHY"),
            [_entry(entry) for entry in entries],
        )


@fallback.command()
def watch(
    as_json: Json = False, url: Url = None, token: Token = None, state_dir: StateDir = None
) -> None:
    """Follow changes until interrupted."""
    try:
        with client(url, token, state_dir) as service:
            last = service.get("/api/fallback/status")["lastEventSeq"]
            for message in service.events("/api/fallback/events", after=last):
                if as_json:
                    show_json_text(message.data)
                else:
                    words = _entry(json.loads(message.data))
                    out.print("  ".join(str(word) for word in words if word))
    except KeyboardInterrupt:
        return
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    fail(stream_over(), as_json=as_json)


def _change(
    what: str,
    body: dict[str, Any],
    reason: str,
    lasts: str | None,
    by: str | None,
    as_json: bool,
    url: str | None,
    token: str | None,
    state_dir: Any,
) -> None:
    body = {**body, "reason": reason, "by": by or user_name(), "via": "cli"}
    try:
        if lasts is not None:
            body["expiresMs"] = _milliseconds(lasts)
        with client(url, token, state_dir) as service:
            reply = service.send("POST", f"/api/fallback/{what}", body)
            standing = service.get("/api/fallback/status")["toggles"]
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    if as_json:
        show_json(reply)
    else:
        _show_toggles(standing)


def _milliseconds(text: str) -> int:
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not (number.isascii() and number.isdigit()) or not int(number):
        raise BadRequestError("invalid_duration", f"{text!r} is no time", hint="30s, 15m, 8h or 2d")
    return int(number) * _UNITS[unit]


def _show_toggles(toggles: list[dict[str, Any]]) -> None:
    if not toggles:
        out.print("No toggle is set: each agent runs by its own commMode.")
        return
    rows = [
        (
            t["scope"],
            t["name"],
            t["mode"],
            clean(t["setBy"]),
            t["since"],
            t["expiresAt"],
            clean(t["reason"]),
        )
        for t in toggles
    ]
    show_table(("SCOPE", "NAME", "MODE", "BY", "SINCE", "UNTIL", "WHY"), rows)


def _entry(entry: dict[str, Any]) -> tuple[Any, ...]:
    toggle = entry.get("toggle") or {}
    why = entry.get("reason") or entry.get("outcome") or entry.get("runId")
    return (
        entry["time"],
        entry["type"],
        f"{entry['scope']} {entry['name']}",
        toggle.get("mode"),
        clean(str(entry.get("by", "service"))),
        entry.get("via"),
        clean(str(why or "")),
    )
