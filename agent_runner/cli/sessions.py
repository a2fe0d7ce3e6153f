"""agent-runner sessions."""

from __future__ import annotations

from typing import Any

from agent_runner.cli.options import Json, StateDir, Token, Url, client
from agent_runner.cli.terminal import fail, out, show_json, show_table
from agent_runner.errors import AgentRunnerError


def sessions(
    as_json: Json = False, url: Url = None, token: Token = None, state_dir: StateDir = None
) -> None:
    """Show who holds which agent, which runs wait, and which processes are kept warm."""
    try:
        with client(url, token, state_dir) as service:
            found = service.get("/agents/sessions/status")["sessions"]
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    if as_json:
        show_json(found)
    elif not found:
        out.print("No agents. Register one: agent-runner agents add NAME --type claude-code")
    else:
        show_table(
            ("AGENT", "TYPE", "STATE", "RUN", "SINCE", "WAITING", "BEHIND", "PID", "CLOSES IN"),
            [_row(session) for session in found],
        )


def _behind(session: dict[str, Any], warm: dict[str, Any]) -> str | None:
    """What goes on after an answer: the work that is left, or the run that tells of it."""
    titles = [task.get("title") or "work" for task in warm.get("background", [])]
    return ", ".join(titles) or ", ".join(session["behind"]) or None


def _row(session: dict[str, Any]) -> tuple[object, ...]:
    lock = session["lock"] or {}
    warm = session["warm"][0] if session["warm"] else {}
    closes = f"{warm['closesInMs'] // 1000} s ({warm['closesFor']})" if warm else None
    return (
        session["agentId"],
        session["type"],
        session["state"],
        lock.get("runId"),
        lock.get("since"),
        len(session["queued"]),
        _behind(session, warm),
        lock.get("pid") or warm.get("pid"),
        closes,
    )
