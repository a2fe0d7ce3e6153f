"""What the panels say: records of the service as text in which nothing acts on the terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from agent_runner.plain_text import clean, one_line

_RISKS = {"low": "green", "medium": "yellow", "high": "bold red"}
_STATES = {"approved": "green", "rejected": "red", "expired": "yellow", "voided": "dim"}
_MOST_INPUT = 20_000


def words(value: object, style: str = "") -> Text:
    """`value` as it is, without markup and controls."""
    return Text(clean(str(value)), style)


def age(seconds: float) -> str:
    """`seconds` in the largest unit that fits: 5 s, 3 min, 2 h, 4 d."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(0, int(seconds))} s"


def left(moment: str) -> str:
    """How long it is until `moment`."""
    return age((datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds())


def approval_row(approval: dict[str, Any]) -> tuple[Text, ...]:
    """Its line in the list: agent, tool, risk, time left, what."""
    hints = approval["hints"]
    risk = str(hints.get("risk", ""))
    what = hints.get("command") or approval["question"]
    return (
        words(approval["agentId"]),
        words(approval["tool"]),
        words(risk, _RISKS.get(risk, "")),
        words(left(approval["expiresAt"])),
        words(one_line(what, 200)),
    )


def approval_text(approval: dict[str, Any]) -> Text:
    """All that is asked, as it is stored."""
    hints = approval["hints"]
    risk = str(hints.get("risk", ""))
    text = Text()
    text.append_text(words(f"{approval['agentId']} asks: ", "bold"))
    text.append_text(words(approval["question"] + "\n\n", "bold"))
    text.append_text(words(f"{approval['tool']}  ", "cyan"))
    text.append_text(words(f"risk {risk}\n", _RISKS.get(risk, "")))
    for note in hints.get("notes", []):
        text.append_text(words(f"  {note}\n", "dim"))
    shown = json.dumps(approval["input"], indent=2, ensure_ascii=False)
    text.append_text(words("\n" + shown[:_MOST_INPUT] + "\n"))
    if len(shown) > _MOST_INPUT:
        more = f"… {len(shown) - _MOST_INPUT} characters more: agent-runner approvals show\n"
        text.append_text(words(more, "yellow"))
    for option in approval["options"]:
        text.append_text(words(f"  {option['optionId']}: {option['name']}\n"))
    text.append_text(words(f"\nexpires in {left(approval['expiresAt'])}", "dim"))
    text.append_text(words(f"  hash {approval['inputHash'][:12]}", "dim"))
    text.append_text(words(f"  takes {', '.join(approval['features']) or 'yes or no'}\n", "dim"))
    return text


def resolved_text(approval: dict[str, Any]) -> Text:
    """What became of one that was shown."""
    state = approval["state"]
    by = approval["decidedBy"] or approval["decidedVia"]
    text = words(f"{approval['tool']} of {approval['agentId']} was ")
    text.append_text(words(state, _STATES.get(state, "")))
    text.append_text(words(f" by {by}\n"))
    if approval["reason"]:
        text.append_text(words(approval["reason"] + "\n", "dim"))
    text.append_text(words("\nChoose another one with the arrow keys.", "dim"))
    return text


def run_row(session: dict[str, Any]) -> tuple[Text, ...]:
    """An agent's line: name, state, last event, its age, who waits."""
    lock = session["lock"] or {}
    state = "waits" if lock.get("waits") else session["state"]
    at = lock.get("lastEventMs")
    return (
        words(session["agentId"]),
        words(state, "yellow" if state == "waits" else "green" if state == "busy" else "dim"),
        words(lock.get("lastEvent") or "-"),
        words("-" if at is None else age(at / 1000)),
        words(len(session["queued"])),
    )


def lost_text(event: dict[str, Any]) -> str:
    """What work was lost with its process, and why that ended."""
    named = [task.get("title") or task.get("toolCallId") or "work" for task in event["tasks"]]
    return f"{', '.join(named)} ({event['reason']})"


def event_text(event: dict[str, Any]) -> Text | None:
    """A line of a run's output; None for what is not shown there."""
    match event["type"]:
        case "run.queued":
            return words(f"\n> {event['prompt'][:2000]}", "bold")
        case "run.started" if event.get("trigger") == "background":
            return words("\n> (goes on by itself)", "bold")
        case "prompt.steered":
            return words("(put into the turn of another run, which answers it)", "yellow")
        case "session.quarantined":
            told = f"knows the last {given} messages" if (given := event["historyTurns"]) else "new"
            return words(f"the CLI's session is lost; the next one is {told}", "yellow")
        case "session.continued_elsewhere":
            return words("(somebody went on with this session by hand)", "yellow")
        case "background.lost":
            return words(f"lost: {lost_text(event)}", "red")
        case "message.completed":
            return words(event["text"])
        case "tool.started":
            given = json.dumps(event["input"], ensure_ascii=False)
            return words(f"[{event['name']}] {given[:500]}", "cyan")
        case "tool.completed" if event["status"] != "completed":
            return words(f"[{event['status']}] {event.get('error') or ''}", "red")
        case "approval.requested":
            return words(f"waits: {event['approval']['question']}", "yellow")
        case "approval.resolved":
            approval = event["approval"]
            return words(f"{approval['state']} by {approval['decidedBy'] or 'nobody'}", "yellow")
        case "notice" if event.get("level") in ("warning", "error"):
            return words(f"{event['level']}: {event.get('message') or event['code']}", "yellow")
        case "run.finished":
            error = f": {event['error']}" if event.get("error") else ""
            until = f" (resets at {event['resetsAt']})" if event.get("resetsAt") else ""
            return words(f"{event['state']}{error}{until}", "green" if event["success"] else "red")
        case _:
            return None
