"""Shadow mode: how headless compares with tmux, and whether tmux can go."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from anyio import to_thread
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from agent_runner import wire
from agent_runner.api.accept import named
from agent_runner.api.bodies import MalformedJsonError, integer_parameter
from agent_runner.api.context import context
from agent_runner.api.replies import Reply, json_reply
from agent_runner.api.routes import Endpoint, Query
from conversation_store.records import ComparisonDetail, ComparisonRecord
from conversation_store.states import Verdict
from shadow.criteria import Readiness
from shadow.diff import unified
from shadow.metrics import Metrics
from shadow.page import POLICY, html
from shadow.report import Report, markdown
from shadow.window import Window

_PAGE = 50
_LONGEST_PAGE = 200
_FAILURES = (Verdict.PRIMARY_FAILED, Verdict.MIRROR_FAILED, Verdict.BOTH_FAILED)
_KINDS = {"json": "application/json", "md": "text/markdown", "html": "text/html"}
_TIME = {"anyOf": [{"format": "date-time"}, {"format": "date"}]}
_WINDOW = (
    Query("since", "Comparisons begun then or later; 30 days ago.", "string", limits=_TIME),
    Query("until", "Comparisons begun before then; now.", "string", limits=_TIME),
    Query("agentId", "Only this agent.", kind="string"),
    Query("type", "Only this CLI type.", kind="string"),
)
_PAGING = (
    Query("limit", f"{_PAGE} by default.", limits={"minimum": 1, "maximum": _LONGEST_PAGE}),
    Query("before", "Comparisons older than this id.", kind="string"),
)


class ComparisonListReply(Reply, frozen=True, kw_only=True):
    """`nextBefore` asks for the next, older page; absent on the last."""

    comparisons: list[ComparisonRecord]
    next_before: str | UnsetType = UNSET


class ComparisonDetailReply(ComparisonDetail, frozen=True, kw_only=True):
    """A comparison with both outputs; `outputDiff` is their unified diff."""

    output_diff: str


def _window(request: Request) -> Window:
    given = request.query_params
    default = context(request).evidence.window(
        agent_id=given.get("agentId"), agent_type=given.get("type")
    )
    return msgspec.structs.replace(
        default,
        since=_time(request, "since") or default.since,
        until=_time(request, "until") or default.until,
    )


def _time(request: Request, name: str) -> str | None:
    """The parameter as the store writes times; 400 `invalid_parameter` if it is none."""
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        utc = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise MalformedJsonError(
            "invalid_parameter",
            f"{name}={text[:40]!r} is no time",
            hint="2026-01-31 or 2026-01-31T12:00:00Z; write + as %2B",
        ) from None
    return wire.utc_text(utc)


async def metrics(request: Request) -> Response:
    """The figures of a window."""
    return json_reply(await context(request).evidence.metrics(_window(request)))


async def criteria(request: Request) -> Response:
    """Whether tmux can go, and what is missing."""
    return json_reply(await context(request).evidence.criteria(_window(request)))


async def report(request: Request) -> Response:
    """The report, as JSON, Markdown or a page: by `format`, else by Accept."""
    kind = _format(request)
    found = await context(request).evidence.report(_window(request))
    if kind == "html":
        page = await to_thread.run_sync(html, found)
        return Response(page, media_type=_KINDS[kind], headers={"Content-Security-Policy": POLICY})
    if kind == "md":
        return Response(markdown(found), media_type=_KINDS[kind])
    return json_reply(found)


def _format(request: Request) -> str:
    wanted = request.query_params.get("format")
    if wanted is not None:
        if wanted not in _KINDS:
            raise MalformedJsonError(
                "invalid_parameter", f"format={wanted[:40]!r} is none of {', '.join(_KINDS)}"
            )
        return wanted
    accepted = named(request, *_KINDS.values())
    return next((kind for kind, media_type in _KINDS.items() if media_type == accepted), "json")


async def mismatches(request: Request) -> Response:
    """Comparisons whose answers differ, newest first."""
    return await _page(request, (Verdict.MISMATCH,))


async def failures(request: Request) -> Response:
    """Comparisons of which a leg failed, newest first."""
    return await _page(request, _FAILURES)


async def _page(request: Request, verdicts: tuple[Verdict, ...]) -> Response:
    window = _window(request)
    limit = integer_parameter(request, "limit", _PAGE, low=1, high=_LONGEST_PAGE)
    page = await context(request).store.comparisons.page(
        since=window.since,
        until=window.until,
        agent_id=window.agent_id,
        agent_type=window.agent_type,
        verdicts=verdicts,
        before=request.query_params.get("before"),
        limit=limit,
    )
    next_before = page[-1].comparison_id if len(page) == limit else UNSET
    return json_reply(ComparisonListReply(comparisons=page, next_before=next_before))


async def comparison(request: Request) -> Response:
    """One comparison with both outputs and their difference."""
    detail = await context(request).store.comparisons.get(request.path_params["comparisonId"])
    outputs = [leg.output if leg is not None else "" for leg in (detail.primary, detail.mirror)]
    diff = await to_thread.run_sync(unified, outputs[0], outputs[1])
    return json_reply(ComparisonDetailReply(**msgspec.structs.asdict(detail), output_diff=diff))


def _get(
    path: str,
    handler: Any,
    summary: str,
    reply: type[msgspec.Struct],
    *parameters: Query,
    problems: tuple[int, ...] = (400,),
    media_types: tuple[str, ...] = (),
) -> Endpoint:
    return Endpoint(
        method="GET",
        path=f"/api/shadow-mode/{path}",
        handler=handler,
        summary=summary,
        tag="shadow",
        reply=reply,
        parameters=parameters,
        problems=problems,
        media_types=media_types,
    )


ENDPOINTS = (
    _get("metrics", metrics, "How headless compares with tmux", Metrics, *_WINDOW),
    _get("criteria", criteria, "Whether tmux can go, and what is missing", Readiness, *_WINDOW),
    _get(
        "report",
        report,
        "The report as JSON, Markdown or HTML",
        Report,
        *_WINDOW,
        Query("format", "By Accept if absent.", "string", limits={"enum": list(_KINDS)}),
        media_types=("text/markdown", "text/html"),
    ),
    _get(
        "mismatches",
        mismatches,
        "Comparisons whose answers differ",
        ComparisonListReply,
        *_WINDOW,
        *_PAGING,
    ),
    _get(
        "failures",
        failures,
        "Comparisons of which a leg failed",
        ComparisonListReply,
        *_WINDOW,
        *_PAGING,
    ),
    _get(
        "comparisons/{comparisonId}",
        comparison,
        "One comparison with both outputs",
        ComparisonDetailReply,
        problems=(404,),
    ),
)
