"""A value of another type that says the same: a yes in words, a text as blocks, a number as an id.

No I/O, never raises. Counts and durations are left alone: one of another type is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_EXPECTED = re.compile(r"Expected `([^`]*)`, got `")
_YES = frozenset(("true", "1", "yes"))
_NO = frozenset(("false", "0", "no", ""))
_ID = re.compile(r"(?:^|_)id$|Id$")

_HOLDERS = ("text", "message", "parts", "content")
_MOST_LEVELS = 8

ANSWERS = frozenset(("result", "finalText", "text"))
"""Fields that hold what the model answered, be it a number."""


def fit(holder: Any, at: str | int, error: str) -> bool:
    """Put what says the same in the place of `holder[at]`; False if nothing does.

    `error` is msgspec's. With an item of a list all its other items are made to fit.
    """
    found = _EXPECTED.search(error)
    if found is None:
        return False
    if isinstance(at, int):
        made = [_block(item) for item in holder]
        if "object" not in found[1] or made[at] is holder[at]:
            return False
        holder[:] = made
        return True
    value = holder[at]
    for kind in found[1].split(" | "):
        make = _BY_KIND.get(kind)
        fitted = make(at, value) if make is not None else None
        if fitted is not None:
            holder[at] = fitted
            return True
    return False


def _bool(name: str, value: Any) -> bool | None:
    word = str(value).strip().lower()
    return True if word in _YES else False if word in _NO else None


def _text(name: str, value: Any) -> str | None:
    if type(value) is int:
        return str(value) if _ID.search(name) or name in ANSWERS else None
    if type(value) is not dict and type(value) is not list:
        return None
    return words_of(value)


def words_of(value: Any, depth: int = 0) -> str | None:
    """The text of blocks, if text is all they hold; of one, of a list, of what holds a list."""
    if isinstance(value, str):
        return value
    if depth == _MOST_LEVELS:
        return None
    if isinstance(value, dict):
        name = next((name for name in _HOLDERS if name in value), "")
        return words_of(value.get(name), depth + 1)
    texts = [words_of(item, depth + 1) for item in value] if isinstance(value, list) else []
    told = [text for text in texts if text is not None]
    return "\n".join(told) if told and len(told) == len(texts) else None


def _array(name: str, value: Any) -> list[Any] | None:
    if isinstance(value, dict):
        return [value]
    return [_block(value) if name == "content" else value] if isinstance(value, str) else None


def _object(name: str, value: Any) -> dict[str, Any] | None:
    words = words_of(value)
    if words is None:
        return None
    if name == "content":
        return {"type": "text", "text": words}
    return {"message": words} if name == "error" else None


def _block(item: Any) -> Any:
    return {"type": "text", "text": item} if isinstance(item, str) else item


_BY_KIND: dict[str, Callable[[str, Any], Any]] = {
    "bool": _bool,
    "str": _text,
    "array": _array,
    "object": _object,
}
