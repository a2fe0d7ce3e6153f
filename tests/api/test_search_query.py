"""Words, phrases and what is not to be there; everything else is a letter like any other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runner.api.search_query import LONGEST, parse
from agent_runner.errors import BadRequestError


@pytest.mark.parametrize(
    ("text", "phrases", "without", "open_end"),
    [
        ("one", ["one"], [], True),
        ("one two", ["one", "two"], [], True),
        ('"one two" three', ["one two", "three"], [], True),
        ('one "two three"', ["one", "two three"], [], False),
        ('one -two -"three four"', ["one"], ["two", "three four"], False),
        ("a AND b OR (c*)", ["a", "AND", "b", "OR", "(c*)"], [], True),
        ("针", ["针"], [], True),
        ("well-known", ["well-known"], [], True),
        ("one !!! -", ["one"], [], True),
    ],
)
def test_its_parts(text: str, phrases: list[str], without: list[str], *, open_end: bool) -> None:
    wanted = parse(text)
    assert (wanted.phrases, wanted.without, wanted.open_end) == (phrases, without, open_end)


@pytest.mark.parametrize(
    "text", ["", '"', 'a "b', "-only", "?!", "x" * (LONGEST + 1), "x " * 21, "\0"]
)
def test_what_cannot_be_searched_for(text: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        parse(text)
    assert caught.value.code == "invalid_search"


@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        wanted = parse(text)
    except BadRequestError:
        return
    assert wanted.phrases
