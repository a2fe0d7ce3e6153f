"""Equal values have one form and one hash; what is no JSON has none."""

from __future__ import annotations

import hashlib
import json
import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runner.approvals.canonical import canonical, input_hash

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def shuffled(value: Any, chance: random.Random) -> Any:
    """The same value with its keys in another order."""
    if isinstance(value, dict):
        items = [(key, shuffled(item, chance)) for key, item in value.items()]
        chance.shuffle(items)
        return dict(items)
    return [shuffled(item, chance) for item in value] if isinstance(value, list) else value


@given(VALUES, st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_count(value: Any, chance: random.Random) -> None:
    assert canonical(shuffled(value, chance)) == canonical(value)


@given(VALUES, VALUES)
def test_equal_bytes_are_equal_values(one: Any, other: Any) -> None:
    assert repr(json.loads(canonical(one))) == repr(in_order(one))
    assert (canonical(one) == canonical(other)) == (repr(in_order(one)) == repr(in_order(other)))


def in_order(value: Any) -> Any:
    """`value` with its keys in their order: for a comparison that tells 1 from 1.0 and True."""
    if isinstance(value, dict):
        return {key: in_order(value[key]) for key in sorted(value)}
    return [in_order(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ({"b": 1, "a": [True, None, 1.5]}, '{"a":[true,null,1.5],"b":1}'),
        ({"ü": "\u2028\x7f", "\U0001f98a": "\n\0"}, '{"ü":"\u2028\x7f","\U0001f98a":"\\n\\u0000"}'),
        ({"10": 0, "9": 0, "": 0}, '{"":0,"10":0,"9":0}'),
        ((1, 2), "[1,2]"),
        (1e16, "1e+16"),
        (-0.0, "-0.0"),
        (2**70, "1180591620717411303424"),
        ("</script>", '"</script>"'),
    ],
)
def test_the_form(value: Any, form: str) -> None:
    assert canonical(value) == form.encode()


def test_the_hash_is_that_of_tool_and_input() -> None:
    form = '{"input":{"command":"ls","timeout":5},"tool":"Bash"}'
    expected = hashlib.sha256(form.encode()).hexdigest()
    assert input_hash("Bash", {"timeout": 5, "command": "ls"}) == expected
    others = [
        ("bash", {"command": "ls", "timeout": 5}),
        ("Bash", {"command": "ls", "timeout": 5.0}),
    ]
    others += [("Bash", {"command": "ls"}), ("Bash", {"command": "ls ", "timeout": 5})]
    assert expected not in [input_hash(tool, given) for tool, given in others]


def itself() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


def deep() -> Any:
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        [math.inf],
        {"a": -math.inf},
        {1: "a"},
        {"a": {None: 1}},
        {True: 1},
        "\ud800",
        {"\udfff": 1},
        b"bytes",
        {1, 2},
        object(),
        itself(),
        deep(),
        10**5000,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_json_has_no_form(value: Any) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        canonical(value)
