"""What can be read of a damaged object."""

from __future__ import annotations

import pytest

from agent_runner.decoding.fragment import fragment, scalars


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (",", {}),
        ("}", {}),
        ("7", {}),
        ('{"a": 1}', {"a": 1}),
        ('{"a": [1, 2', {"a": [1, 2]}),
        (r'{"a": "cut in an escape \u00', {"a": "cut in an escape "}),
        (r'{"a": "no escape \x"}', {"a": r"no escape \x"}),
        ('{"a": ' + "1" * 401 + "}", {"a": None}),
        ('{"a": 1e999}', {"a": float("inf")}),
        ('{"status": "succ', {"status": None}),
        ('{"a": 1]}', {"a": 1}),
    ],
)
def test_what_is_there_is_found(text: str, found: dict[str, object]) -> None:
    assert fragment(text) == found


def test_plain_values_are_found_at_any_depth() -> None:
    line = b'{"x": {"id": "a", "n": 1.5, "ok": true}, "id": "b", "none": null, "big": 7}'
    assert scalars(line) == {"id": "a", "n": 1.5, "ok": True, "none": None, "big": 7}
