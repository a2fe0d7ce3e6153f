"""What Codex CLI's app-server asks, and how it is answered.

All four decisions work for commands and files, though a request lists but some of them (seen).
`decline` tells the model, and the turn goes on; `cancel` ends the turn as interrupted. Neither
takes a reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent_runner.agents.base import PermissionAnswer
from agent_runner.agents.codex import rpc_schema as r
from agent_runner.agents.codex.calls import command_call
from agent_runner.agents.codex.tools import KINDS, PATCH, QUESTION
from agent_runner.decoding.decode import plain
from agent_runner.errors import BadRequestError
from agent_runner.events.permission import PermissionOption, PermissionRequested
from agent_runner.events.tool import ToolStarted

OPTIONS = [
    PermissionOption(option_id="accept", name="Yes", kind="allow_once"),
    PermissionOption(
        option_id="acceptForSession", name="Yes, in this session", kind="allow_always"
    ),
    PermissionOption(option_id="decline", name="No", kind="reject_once"),
    PermissionOption(option_id="cancel", name="No, and stop", kind="reject_once"),
]


def question_of(
    request: r.Request, request_id: str, tools: Mapping[str, ToolStarted]
) -> PermissionRequested:
    """The event for a request; `tools` are the open calls, of which it may be about one."""
    call = tools.get(request.itemId)
    match request:
        case r.CommandApproval():
            asked = command_call(request.itemId, request.command or "", request.cwd)
            given = dict(asked.input)
            if request.networkApprovalContext is not None:
                given["network"] = plain(request.networkApprovalContext)
            if request.additionalPermissions is not None:
                given["permissions"] = plain(request.additionalPermissions)
            name, kind = asked.name, asked.kind
        case r.PatchApproval():
            given = dict(call.input) if call is not None else {}
            if request.grantRoot is not None:
                given["grantRoot"] = request.grantRoot
            name, kind = PATCH, KINDS[PATCH]
        case r.Questions():
            listed = [plain(question) for question in request.questions]
            return PermissionRequested(
                request_id=request_id,
                name=QUESTION,
                input={"questions": listed},
                tool_call_id=request.itemId or None,
                kind="question",
            )
        case r.Elicitation():
            name, kind = f"mcp__{request.serverName}__{request.meta['tool_name']}", None
            given = plain(request.meta.get("tool_params") or {})
            call = next((one for one in reversed(list(tools.values())) if one.name == name), None)
        case _:
            assert isinstance(request, r.Permissions)
            given = plain(request.permissions)
            name, kind = "permissions", None
    return PermissionRequested(
        request_id=request_id,
        name=name,
        input=given,
        tool_call_id=request.itemId or (call.tool_call_id if call is not None else None),
        title=request.reason or getattr(request, "message", None),
        tool_kind=kind,
        options=OPTIONS,
    )


def declined_unasked(request: Any) -> dict[str, Any] | None:
    """The answer to an MCP server that asks for something else than leave to run a tool."""
    if not isinstance(request, r.Elicitation) or request.meta.get("tool_name"):
        return None
    return {"action": "decline", "content": None, "_meta": None}


def result_of(
    request: r.Request, question: PermissionRequested, answer: PermissionAnswer
) -> dict[str, Any]:
    """The answer in the words of the request; BadRequestError for what it cannot hold."""
    if answer.allow and answer.updated_input is not None:
        raise BadRequestError(
            "unsupported_option", "this agent cannot run a tool with another input"
        )
    match request:
        case r.Questions():
            return {"answers": _answers(question, answer)}
        case r.Elicitation():
            action = "accept" if answer.allow else "cancel" if answer.interrupt else "decline"
            kept = {"persist": "session"} if answer.allow and answer.session else None
            return {"action": action, "content": {} if answer.allow else None, "_meta": kept}
        case r.Permissions():
            granted = request.permissions if answer.allow else {}
            return {"permissions": granted, "scope": "session" if answer.session else "turn"}
    return {"decision": _decision(answer)}


def _decision(answer: PermissionAnswer) -> str:
    known = {option.option_id: option.kind.startswith("allow") for option in OPTIONS}
    if answer.option_id is not None and known.get(answer.option_id) is answer.allow:
        return answer.option_id
    if answer.allow:
        return "acceptForSession" if answer.session else "accept"
    return "cancel" if answer.interrupt else "decline"


def _answers(question: PermissionRequested, answer: PermissionAnswer) -> dict[str, Any]:
    """By the ids of the questions; people answer by their texts."""
    given = (answer.answers or {}) if answer.allow else {}
    found = {}
    for one in question.input["questions"]:
        said = given.get(str(one.get("question")))
        if said is not None:
            found[str(one.get("id"))] = {"answers": [said] if isinstance(said, str) else list(said)}
    return found
