"""What there is in a line that is no plain JSON object: objects, pieces of them, and text.

No I/O, never raises. Bytes that are no UTF-8 and halves of surrogate pairs become U+FFFD,
control characters stand as they are, and so much of the line that is no JSON stays as text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from agent_runner.decoding.fragment import fragment

MOST_PIECES = 1000
"""Most pieces that are told apart in one line; what follows is one more."""

MOST_LEVELS = 100
"""How deep a value of a CLI's may be nested; what lies deeper is cut."""

_MOST_TRIES = 64
_MOST_DIGITS = 4000
_BEGINNING = re.compile(r'\{\s*(?:"(?:[^"\\]|\\.){0,200}"\s*:|\}|"?$)')
_NAMED = re.compile(r'"\s*:\s*\Z')
_VALUE_DUE = re.compile(r"[:,\[]\s*\Z")
_ALONE = re.compile(r"[\s\0\x1e]*(?:$|\{)")
_BETWEEN = " \t\r\n\x1e[],;"
_ESCAPES = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|[ -/]*[0-~])"
)
_HALF = re.compile("[\ud800-\udfff]")


class Piece(msgspec.Struct, frozen=True):
    """A part of a line: an object, as far as it can be read if it is not `whole`; or text."""

    raw: bytes
    data: dict[str, Any] | None
    whole: bool


def parts(
    line: bytes, is_message: Callable[[dict[str, Any]], bool] = lambda _: True
) -> list[Piece]:
    """The pieces of a line; without a terminal's escapes or NULs if it is less damaged without."""
    found = list(pieces(line, is_message))
    if all(piece.whole for piece in found):
        return found
    bare = _ESCAPES.sub(b"", line).replace(b"\0", b"")
    if len(bare) == len(line):
        return found
    # A byte order mark of UTF-16.
    clear = list(pieces(bare.removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff"), is_message))
    return clear if _damage(clear) < _damage(found) else found


def _damage(found: list[Piece]) -> int:
    return sum(not piece.whole for piece in found)


def pieces(
    line: bytes, is_message: Callable[[dict[str, Any]], bool] = lambda _: True
) -> Iterator[Piece]:
    """The parts of `line` in their order. Blanks and commas between them are left out.

    An object that is damaged ends where the next one begins that stands by itself: that has
    nothing behind it but another one, and, if it may be the value of a field, `is_message`.
    """
    text = line.decode("utf-8", "surrogateescape")
    at = begun = tries = count = 0
    damaged = -1
    while count < MOST_PIECES and tries < _MOST_TRIES:
        found = _BEGINNING.search(text, at)
        if found is None:
            break
        at = found.start()
        read = _object(text, at)
        if damaged < 0:
            damaged = _opened(text, begun, at)
            if damaged < 0 and read is None:
                damaged = at
        if read is None or (damaged >= 0 and not _stands_alone(text, at, *read, is_message)):
            tries += 1
            at += 1
            continue
        yield from _before(text, begun, damaged, at)
        data, end = read
        yield Piece(_bytes(text[at:end]), data, whole=True)
        at = begun = end
        damaged = -1
        count += 1
    yield from _before(text, begun, damaged, len(text))


def clean(value: Any, depth: int = 0) -> Any:
    """`value` with no half of a surrogate pair, numbers beyond JSON's as text, MOST_LEVELS deep."""
    kind = type(value)
    if kind is str:
        return value if value.isascii() else _HALF.sub("\ufffd", value)
    if kind is dict or kind is list:
        if depth >= MOST_LEVELS:
            return "[nested too deeply]"
        if kind is list:
            return [clean(item, depth + 1) for item in value]
        return {clean(key): clean(item, depth + 1) for key, item in value.items()}
    if kind is float and not math.isfinite(value):
        return str(value)
    if kind is int and not -(2**63) <= value < 2**63:
        return str(value)
    return value


def _stands_alone(
    text: str, at: int, data: dict[str, Any], end: int, is_message: Callable[[dict[str, Any]], bool]
) -> bool:
    if not _ALONE.match(text, end):
        return False
    return _VALUE_DUE.search(text, max(0, at - 200), at) is None or is_message(data)


def _opened(text: str, begun: int, end: int) -> int:
    """Where a brace is opened that is not closed before `end`; -1 if there is none.

    What ends in a name and a colon has lost its brace, and begins an object.
    """
    if text.count("{", begun, end) > text.count("}", begun, end):
        return text.find("{", begun, end)
    return begun if _NAMED.search(text, max(begun, end - 200), end) else -1


def _before(text: str, begun: int, damaged: int, end: int) -> Iterator[Piece]:
    """The text before an object, or before a damaged one, and that one."""
    gap = text[begun : end if damaged < 0 else damaged]
    if gap.strip(_BETWEEN):
        opened = gap.find("{")
        data = clean(fragment(gap[opened:])) if opened >= 0 else None
        yield Piece(_bytes(gap), data, whole=False)
    if damaged >= 0:
        rest = text[damaged:end]
        data = fragment(rest if rest.startswith("{") else "{" + rest)
        yield Piece(_bytes(rest), clean(data), whole=False)


def _object(text: str, at: int) -> tuple[dict[str, Any], int] | None:
    """The object that begins there, and where it ends; None if it is none."""
    try:
        value, end = _decoder.raw_decode(text, at)
        return clean(value), end
    except (ValueError, RecursionError):
        return None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MOST_DIGITS else "[a huge number]"


_decoder = json.JSONDecoder(strict=False, parse_int=_integer, parse_constant=str)
