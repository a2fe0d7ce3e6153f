"""Free JSON that a row holds as text. Reading it never fails: what cannot be told is said so.

An earlier version, or another program, may have written what no encoder takes again, and one
such row must not take the others of its list along.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

DEEPEST = 110
"""Levels that are given back; the gate lets in fewer, and what a CLI prints is cut at 100."""

TOO_DEEP = "[nested too deeply]"

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def encode(value: Any) -> str:
    """JSON text."""
    return msgspec.json.encode(value).decode()


def encode_ascii(value: Any) -> str:
    """JSON text in ASCII on one line, which goes over SSE as it is."""
    return json.dumps(value, separators=(",", ":"))


def decode(text: str) -> Any:
    """The value of `text`; see `examine`."""
    return examine(text)[0]


def decode_object(text: str) -> dict[str, Any]:
    """The object of `text`; see `examine`."""
    value = decode(text)
    return value if isinstance(value, dict) else {"unreadable": "it is no object"}


def examine(text: str) -> tuple[Any, str | None]:
    """The value of `text`, and what is wrong with it.

    Where it is nested too deeply, TOO_DEEP stands for what lies below; where it is no JSON, it
    is {"unreadable": why}.
    """
    cut = None
    if text.count("{") + text.count("[") > DEEPEST:
        cut = _shallow(text)
    try:
        value = msgspec.json.decode(cut or text)
        return value, None if cut is None else f"{_where(value)} is nested more than {DEEPEST} deep"
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return {"unreadable": str(error)}, f"the value is no JSON: {error}"


def is_cut(value: Any) -> bool:
    """True if something of `value` was nested too deeply to be given back."""
    return TOO_DEEP.encode() in msgspec.json.encode(value)


def _where(value: Any) -> str:
    """Which field was cut, for people."""
    fields = value.items() if isinstance(value, dict) else ()
    return next((name for name, field in fields if is_cut(field)), "a value")


def _shallow(text: str) -> str | None:
    """`text` without what lies below the deepest level; None if nothing does.

    Without recursion: it may be nested any deep.
    """
    pieces: list[str] = []
    depth = kept = 0
    for token in _TOKEN.finditer(text):
        if token[0] in "{[":
            depth += 1
            if depth == DEEPEST + 1:
                pieces += [text[kept : token.start()], f'"{TOO_DEEP}"']
        elif token[0] in "}]":
            if depth == DEEPEST + 1:
                kept = token.end()
            depth -= 1
    return "".join([*pieces, text[kept:]]) if pieces else None
