"""A stand-in for the Gemini API: what Gemini CLI calls.

`POST /v1beta/models/M:streamGenerateContent`, `:generateContent` and `:countTokens`. The
CLI's own side questions (its router, next-speaker check) ask for JSON and always get the
same object, which uses up no reply.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from agent_runner.recorder.models.scenarios import Turn
from agent_runner.recorder.models.script import (
    Cut,
    Finish,
    Http,
    Raw,
    Reply,
    Sleep,
    StreamError,
    Text,
    Think,
)
from agent_runner.recorder.models.tools import find_cwd, named
from agent_runner.recorder.models.wire import Wire

_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
_USAGE = {
    "promptTokenCount": 100,
    "candidatesTokenCount": 20,
    "totalTokenCount": 125,
    "cachedContentTokenCount": 10,
    "thoughtsTokenCount": 5,
}
_SIDE_ANSWER = {
    "reasoning": "scripted",
    "model_choice": "flash",
    "next_speaker": "user",
    "complexity_score": 10,
    "complexity_reasoning": "scripted",
    "corrected_string_escaping": "",
    "title": "Scripted title",
    "summary": "scripted",
}


def turns(request: dict[str, Any]) -> list[Turn]:
    """The request's contents, oldest first."""
    found = []
    for content in request.get("contents") or []:
        parts = content.get("parts") or []
        if any("functionResponse" in part for part in parts):
            found.append(Turn("tool", json.dumps(parts, ensure_ascii=False)))
        else:
            text = "\n".join(part.get("text", "") for part in parts)
            found.append(Turn("user" if content.get("role") == "user" else "other", text))
    return found


def is_side_question(request: dict[str, Any]) -> bool:
    """True for a call the CLI makes for itself and not for the conversation."""
    config = request.get("generationConfig") or {}
    return config.get("responseMimeType") == "application/json"


def side_answer(wire: Wire, model: str, *, stream: bool) -> None:
    """Answer a side question."""
    chunk = _chunk([{"text": json.dumps(_SIDE_ANSWER)}], model, _USAGE, "STOP", "side")
    if not stream:
        return wire.json(200, chunk)
    wire.open_stream()
    wire.event(chunk)
    return wire.close_stream()


def answer(
    wire: Wire,
    request: dict[str, Any],
    reply: Reply,
    ids: Iterator[int],
    model: str,
    *,
    stream: bool,
) -> None:
    """Play `reply` as the answer to a generateContent request."""
    actions = list(reply.do)
    while actions and isinstance(actions[0], Sleep):
        time.sleep(actions[0].seconds)
        del actions[0]
    if actions and isinstance(actions[0], Http):
        return _error(wire, actions[0])
    if stream:
        wire.open_stream()
    cwd = find_cwd(request)
    offered = {
        declared.get("name")
        for tool in request.get("tools") or []
        for declared in tool.get("functionDeclarations") or []
    }
    response_id = f"scripted-{next(ids):04d}"
    usage, finish, every = dict(_USAGE), "STOP", list[dict[str, Any]]()
    for action in actions:
        parts: list[dict[str, Any]] = []
        gap = 0.0
        match action:
            case Text():
                parts, gap = [{"text": piece} for piece in action.pieces()], action.gap
            case Think(text=text):
                parts = [{"text": f"**Plan** {text}", "thought": True}]
            case Sleep(seconds=seconds):
                time.sleep(seconds)
            case Cut(clean=True) if stream:
                return wire.close_stream()
            case Cut():
                if stream:
                    wire.raw('data: {"candidates": [{"content": {"par')
                wire.cut()
            case Raw(text=text):
                wire.raw(text)
            case Finish():
                finish = action.reason or finish
                usage.update(action.usage)
            case StreamError() | Http():
                pass
            case _:
                tool = named(action, offered, cwd)
                parts = [{"functionCall": {"name": tool.name, "args": tool.input}}]
        every += parts
        for part in parts if stream else []:
            wire.event(_chunk([part], model, usage, None, response_id))
            time.sleep(gap)
    if not stream:
        return wire.json(200, _chunk(every, model, usage, finish, response_id))
    wire.event(
        _chunk([{"text": ""}] if finish == "STOP" else [], model, usage, finish, response_id)
    )
    return wire.close_stream()


def _error(wire: Wire, action: Http) -> None:
    text = action.message or f"scripted error {action.status}"
    status = action.error_type or _STATUS.get(action.status, "UNKNOWN")
    body = {"error": {"code": action.status, "message": text, "status": status}}
    wire.json(action.status, body, action.headers)


def _chunk(
    parts: list[dict[str, Any]],
    model: str,
    usage: dict[str, int],
    finish: str | None,
    response_id: str,
) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": model,
        "responseId": response_id,
    }
