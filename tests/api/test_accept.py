"""The media type that a request wants."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from agent_runner.api import runs
from agent_runner.api.accept import named
from agent_runner.streams import registry
from agent_runner.streams.native import Native

STREAM, JSON = "text/event-stream", "application/json"


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ([], None),
        (["*/*"], None),
        (["text/html"], None),
        ([STREAM], STREAM),
        (["Text/Event-Stream;charset=utf-8"], STREAM),
        ([JSON], JSON),
        ([f"{JSON}, {STREAM}"], STREAM),
        ([JSON, STREAM], STREAM),
        ([f"{JSON};q=0.9, {STREAM};q=0.5"], JSON),
        ([f"{STREAM};q=0"], None),
        ([f"{STREAM}; Q=0.000, */*"], None),
        ([f"{STREAM};q=x"], STREAM),
        ([f"not-{STREAM}"], None),
    ],
)
def test_a_type_that_is_named_is_wanted_by_its_weight(
    accept: list[str], wanted: str | None
) -> None:
    headers = [(b"accept", line.encode()) for line in accept]
    assert named(Request({"type": "http", "headers": headers}), STREAM, JSON) == wanted


def test_a_run_is_streamed_where_its_dialect_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    other = type("Other", (), {"media_type": "text/x-other"})
    monkeypatch.setattr(registry, "DIALECTS", {"native": Native, "other": other})
    for accepted, dialect, streamed in (
        ("text/x-other", "other", True),
        ("text/x-other", "native", False),
        (STREAM, "other", True),
        (f"{JSON}, text/x-other;q=0.5", "other", False),
    ):
        scope = {
            "type": "http",
            "headers": [(b"accept", accepted.encode())],
            "query_string": f"dialect={dialect}".encode(),
        }
        assert runs._wants_stream(Request(scope)) is streamed
