"""agent-runner approvals: what runs wait for, and deciding it from a terminal."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from agent_runner.cli.options import Json, StateDir, Token, Url, client, milliseconds
from agent_runner.cli.terminal import fail, out, show_json, show_json_text, show_table, stream_over
from agent_runner.client.http import Client
from agent_runner.client.user import user_name
from agent_runner.errors import AgentRunnerError, BadRequestError
from agent_runner.plain_text import clean, escaped, one_line
from agent_runner.quoting import path

approvals = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""See what runs wait for, and decide it.

    A CLI that may not do something by itself asks; its run waits until somebody decides:
    `agent-runner approvals list`, then `approvals show ID`, then `approve ID` or `reject ID`.
    What never asks is the agent's permissions (runbooks/permissions.md).""",
)

_LONGEST_LINE = 500
ApprovalId = Annotated[str, typer.Argument(help="The approval, as `list` shows it.")]
By = Annotated[
    str | None, typer.Option(help="Who decides [your user name].", envvar="AGENT_RUNNER_BY")
]


@approvals.command("list")
def list_approvals(
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that were decided or are over.")
    ] = False,
    agent: Annotated[str | None, typer.Option(help="Only this agent's.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many, newest first.")] = 50,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """List the approvals that wait for a decision."""
    query: dict[str, str | int] = {"limit": limit}
    if not everything:
        query["state"] = "pending"
    if agent is not None:
        query["agentId"] = agent
    try:
        with client(url, token, state_dir) as service:
            found = service.get("/approvals", **query)
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    if as_json:
        show_json(found)
    elif not found["approvals"]:
        out.print("Nothing waits for a decision." if not everything else "No approvals.")
    else:
        rows = [_row(approval) for approval in found["approvals"]]
        show_table(("APPROVAL", "AGENT", "STATE", "RISK", "TOOL", "QUESTION", "EXPIRES"), rows)
        if found["pending"] > len(rows):
            out.print(f"{found['pending']} wait in all; --limit shows more.")


@approvals.command()
def show(
    approval: ApprovalId,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Show all that an approval asks, as it would run; what hides stands as a code, <U+202E>."""
    try:
        with client(url, token, state_dir) as service:
            found = service.get(path("approvals", approval))
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    if as_json:
        show_json(found)
    else:
        _show(found)


@approvals.command()
def approve(
    approval: ApprovalId,
    session: Annotated[
        bool, typer.Option("--session", help="And the same again while the CLI lives.")
    ] = False,
    option: Annotated[str | None, typer.Option(help="One of its options, by id.")] = None,
    changed: Annotated[
        str | None, typer.Option("--input", help="JSON that the tool runs with instead.")
    ] = None,
    answer: Annotated[
        list[str] | None,
        typer.Option(help="QUESTION=ANSWER; repeat it for others, and for one that takes several."),
    ] = None,
    message: Annotated[str | None, typer.Option(help="A note for the record.")] = None,
    seen: Annotated[
        str | None, typer.Option("--hash", help="Only if its inputHash begins so.")
    ] = None,
    by: By = None,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Let it run. What was asked is shown first; a request that changed meanwhile is refused."""
    try:
        fields: dict[str, Any] = {
            "decision": "approve",
            "scope": "session" if session else "once",
            "optionId": option,
            "updatedInput": _object(changed),
            "answers": _answers(answer),
            "message": message,
        }
        with client(url, token, state_dir) as service:
            found = service.get(path("approvals", approval))
            if seen is not None and not found["inputHash"].startswith(seen):
                raise BadRequestError(
                    "approval_changed",
                    f"the request has the hash {found['inputHash']}",
                    hint=f"agent-runner approvals show {approval}",
                )
            if not as_json:
                _show(found)
            fields["inputHash"] = found["inputHash"]
            decided = _decide(service, approval, fields, by)
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    _tell(decided, as_json=as_json)


@approvals.command()
def reject(
    approval: ApprovalId,
    message: Annotated[
        str | None, typer.Option("--message", "-m", help="Why; the model is told where it can be.")
    ] = None,
    stop: Annotated[bool, typer.Option("--stop", help="End the turn as well.")] = False,
    option: Annotated[str | None, typer.Option(help="One of its options, by id.")] = None,
    by: By = None,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Do not let it run."""
    fields = {"decision": "reject", "message": message, "stop": stop, "optionId": option}
    try:
        with client(url, token, state_dir) as service:
            decided = _decide(service, approval, fields, by)
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    _tell(decided, as_json=as_json)


@approvals.command()
def extend(
    approval: ApprovalId,
    minutes: Annotated[
        float | None, typer.Option(help="So much longer [as long again as at first].")
    ] = None,
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Give an approval more time."""
    body = {} if minutes is None else {"byMs": milliseconds(minutes, 60_000)}
    try:
        with client(url, token, state_dir) as service:
            found = service.send("POST", path("approvals", approval, "extend"), body)
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    if as_json:
        show_json(found)
    else:
        out.print(f"expires {found['expiresAt']}")


@approvals.command()
def watch(
    as_json: Json = False, url: Url = None, token: Token = None, state_dir: StateDir = None
) -> None:
    """Print what waits now, and from then on what happens to approvals, a line each."""
    try:
        with client(url, token, state_dir) as service:
            after = service.get("/approvals", limit=1)["lastEventSeq"]
            pages = service.pages("/approvals", "approvals", "before", state="pending", limit=200)
            waiting = {approval["approvalId"]: approval for approval in pages}
            for approval in reversed(waiting.values()):
                _line("approval.requested", approval, as_json=as_json)
            for message in service.events("/approvals/events", after=after):
                approval = json.loads(message.data)["approval"]
                if message.event == "approval.requested" and approval["approvalId"] in waiting:
                    continue
                if as_json:
                    show_json_text(message.data)
                else:
                    _line(message.event, approval, as_json=False)
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    except KeyboardInterrupt:
        return
    fail(stream_over(), as_json=as_json)


def _decide(service: Client, approval: str, fields: dict[str, Any], by: str | None) -> Any:
    given = {name: value for name, value in fields.items() if value is not None}
    body = {**given, "by": by or user_name(), "via": "cli"}
    return service.send("POST", path("approvals", approval, "decide"), body)


def _object(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadRequestError("invalid_input", f"--input is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadRequestError("invalid_input", "--input is no JSON object")
    return value


def _answers(pairs: list[str] | None) -> dict[str, str | list[str]] | None:
    if not pairs:
        return None
    answers: dict[str, list[str]] = {}
    for pair in pairs:
        question, equals, answer = pair.rpartition("=")
        if not equals:
            raise BadRequestError("invalid_answer", f"{pair!r} is not QUESTION=ANSWER")
        answers.setdefault(question, []).append(answer)
    return {question: given[0] if len(given) == 1 else given for question, given in answers.items()}


def _row(approval: dict[str, Any]) -> tuple[object, ...]:
    return (
        approval["approvalId"],
        approval["agentId"],
        approval["state"],
        approval["hints"].get("risk"),
        approval["tool"],
        approval["hints"].get("command") or approval["question"],
        approval["expiresAt"],
    )


def _show(approval: dict[str, Any]) -> None:
    """The question as it is stored: nothing that a tool wrote can act on the terminal."""
    hints = approval["hints"]
    lines = [
        f"{approval['agentId']} asks: {approval['question']}",
        f"  approval  {approval['approvalId']} ({approval['state']}, {approval['kind']})",
        f"  tool      {approval['tool']}",
        f"  input     {escaped(json.dumps(approval['input'], ensure_ascii=False, sort_keys=True))}",
        f"  hash      {approval['inputHash']}",
        f"  risk      {hints.get('risk')} {'; '.join(hints.get('notes', []))}",
        f"  expires   {approval['expiresAt']}",
    ]
    if approval["options"]:
        options = ", ".join(f"{o['optionId']} ({o['name']})" for o in approval["options"])
        lines.append(f"  options   {options}")
    if approval["features"]:
        lines.append(f"  takes     {', '.join(approval['features'])}")
    if approval["decidedAt"]:
        by = approval["decidedBy"] or approval["decidedVia"]
        lines.append(f"  decided   {approval['state']} by {by} at {approval['decidedAt']}")
        lines.append(f"  delivery  {approval['delivery']} {approval['deliveryError'] or ''}")
    for line in lines:
        # What a tool has asked in several lines is not to look like lines of this.
        out.print(clean(line).replace("\n", "\n            "))


def _tell(decided: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(decided)
        return
    waits = decided["delivery"] in ("waiting", "resuming")
    again = "and its session is resumed" if decided["kind"] != "tool" else "and is started again"
    more = f"; what asked is gone {again}" if waits else ""
    out.print(clean(f"{decided['state']} by {decided['decidedBy']}{more}"))


def _line(kind: str, approval: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json({"type": kind, "approval": approval})
        return
    what = kind.removeprefix("approval.")
    state = "" if what == "requested" else f" {approval['state']}"
    words = f"{what:10}{approval['approvalId']}  {approval['agentId']}: {approval['question']}"
    out.print(one_line(words + state, _LONGEST_LINE))
