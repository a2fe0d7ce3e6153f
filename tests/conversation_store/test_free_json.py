"""Free JSON is read back whatever it is."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation_store import free_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text() | st.floats(-1e9, 1e9),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=200,
)


@given(VALUES)
def test_what_was_written_is_read(value: Any) -> None:
    text = msgspec.json.encode(value).decode()
    assert free_json.examine(text) == (msgspec.json.decode(text), None)


@pytest.mark.parametrize("depth", [111, 500, 963, 5000, 100_000])
@pytest.mark.parametrize(("start", "end"), [("[", "]"), ('{"]}\\"[{": ', "}"), ('[{"a": ', "}]")])
def test_what_is_too_deep_is_cut_and_said_so(depth: int, start: str, end: str) -> None:
    deep = start * depth + "1" + end * depth
    value, error = free_json.examine(f'{{"a": [1], "b": {deep}, "c": {{"d": "]"}}}}')
    assert (value["a"], value["c"]) == ([1], {"d": "]"})
    assert free_json.TOO_DEEP in json.dumps(value["b"])
    assert free_json.is_cut(value)
    assert error == "b is nested more than 110 deep"


def test_as_deep_as_may_be_is_whole() -> None:
    text = "[" * free_json.DEEPEST + "]" * free_json.DEEPEST
    value, error = free_json.examine(text)
    assert (json.dumps(value), error) == (text, None)


@pytest.mark.parametrize("text", ["", "{", "nonsense", '{"a": NaN}', '"\\ud800"', "[" * 300])
def test_what_is_no_json_is_said_so(text: str) -> None:
    value, error = free_json.examine(text)
    assert list(value) == ["unreadable"]
    assert error is not None
