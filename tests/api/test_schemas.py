"""What /openapi.json says of an answer is read off the Struct that is encoded."""

from __future__ import annotations

from typing import NotRequired, TypedDict

import msgspec
import pytest
from msgspec import UNSET, UnsetType

from agent_runner.api.application import ENDPOINTS
from agent_runner.api.problems import Problem
from agent_runner.api.replies import Reply
from agent_runner.api.schemas import schemas
from agent_runner.api.stream_schemas import stream_schemas

REF = "#/{name}"


class Inner(msgspec.Struct, omit_defaults=True):
    """Encodes what is not as usual."""

    kept: int
    left_out: int = 0


class Pair(TypedDict):
    """An object that is no Struct."""

    inner: NotRequired[Inner]


class Outer(Reply, frozen=True, kw_only=True):
    """Some of its fields have defaults."""

    inner: list[Inner]
    pair: Pair
    null_if_absent: str | None = None
    left_out: int | UnsetType = UNSET
    itself: list[Outer] | UnsetType = UNSET


def test_what_is_always_encoded_is_required() -> None:
    found = schemas([Outer], REF)
    assert found["Outer"]["required"] == ["inner", "pair", "nullIfAbsent"]
    assert found["Inner"]["required"] == ["kept"]
    encoded = msgspec.to_builtins(Outer(inner=[Inner(1)], pair={}))
    assert [*encoded] == found["Outer"]["required"]
    assert [*encoded["inner"][0]] == found["Inner"]["required"]


def test_no_default_is_told_of_an_answer() -> None:
    for name, schema in schemas({e.reply for e in ENDPOINTS if e.reply}, REF).items():
        assert schema["description"], name
        fields = schema.get("properties", {}).values()
        assert not [field for field in fields if "default" in field]


def test_a_name_means_one_answer() -> None:
    other = msgspec.defstruct("Inner", [("x", int)])
    with pytest.raises(TypeError, match="Inner"):
        schemas([Inner, other], REF)


def test_a_name_means_one_component() -> None:
    replies = schemas({e.reply for e in ENDPOINTS if e.reply} | {Problem}, REF)
    streams = stream_schemas(REF)
    both = replies.keys() & streams.keys()
    assert [name for name in both if replies[name] != streams[name]] == []
    bodies = {part.__name__ for e in ENDPOINTS if e.body for part in e.body.__mro__}
    assert not bodies & (replies.keys() | streams.keys())
