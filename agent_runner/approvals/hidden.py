"""Characters that are not seen as what they are, and a form of a text in which they are.

A text may hold what turns its direction, has no width, acts on a terminal or looks like a blank;
or so many blanks that the rest of it is out of sight. People who decide are told of each kind,
and see `shown`; what runs is the text as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from agent_runner.approvals.risk import Risk

MOST_BLANKS = 40
"""Blanks in a row; more of them move what follows out of sight."""

MOST_LINE_ENDS = 10
MOST_MARKS = 8
"""Marks on one character; more of them cover the lines around."""

_NAMED = 3
_LOOKED_AT = 100

# Letters and signs that the two joiners, and the emoji that variation selectors, belong to.
_JOINED = "\u0600-\u0dff\u2190-\u27bf\u2b00-\u2bff\ufe0f\U0001f300-\U0001faff"
_PICTURES = "\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff"
_BLANKS = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_MARK = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_IDEOGRAPHS = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"

_KINDS: tuple[tuple[str, str, Risk], ...] = (
    ("characters that turn the direction of text",
     "[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]", Risk.HIGH),
    ("control characters, which can overwrite what is shown",
     "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]|\r(?!\n)", Risk.HIGH),
    ("line ends that are not shown as such", "[\x85\u2028\u2029]", Risk.HIGH),
    ("invisible characters",
     f"(?<![{_JOINED}])[\u200c\u200d]|[\u200c\u200d](?![{_JOINED}])"
     f"|(?<![{_PICTURES}])[\ufe0e\ufe0f](?!\u20e3)|(?<![{_IDEOGRAPHS}])[\U000e0100-\U000e01ef]"
     "|[\ufe00-\ufe0d]"
     "|[\xad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u2065\u206a-\u206f\u2800"
     "\u3164\ufeff\uffa0\ufff0-\ufffb\U000110bd\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
     "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]",
     Risk.HIGH),
    ("halves of characters", "[\ud800-\udfff]", Risk.HIGH),
    ("characters without a meaning of their own",
     "[\ue000-\uf8ff\ufdd0-\ufdef\ufffe\uffff\U000f0000-\U0010ffff]", Risk.MEDIUM),
    ("blanks that are not the usual one", f"[{_BLANKS}]", Risk.MEDIUM),
    ("more marks than a letter has", f"[{_MARK}]{{{MOST_MARKS + 1},}}", Risk.MEDIUM),
)  # fmt: skip
# The flags of England, Scotland and Wales are all that are seen of what tags can write.
_FLAG = "|".join(
    "\U0001f3f4" + "".join(chr(0xE0000 + ord(letter)) for letter in name) + "\U000e007f"
    for name in ("gbeng", "gbsct", "gbwls")
)
_HIDDEN = re.compile(
    "|".join(
        (f"(?P<flag>{_FLAG})", *(f"(?P<k{n}>(?:{kind[1]})+)" for n, kind in enumerate(_KINDS)))
    )
)
_PADDING = re.compile(
    rf"[ \t{_BLANKS}]{{{MOST_BLANKS + 1},}}|(?:[ \t]*\r?\n){{{MOST_LINE_ENDS + 1},}}"
)
_MAY_HIDE = re.compile("[^\x09\x0a\x20-\x7e]")


class Finding(NamedTuple):
    """One kind of what a text hides, in words for people."""

    risk: Risk
    text: str


def findings(text: str) -> Iterator[Finding]:
    """What `text` hides, each kind once with the first of its characters."""
    if _MAY_HIDE.search(text):
        yield from _characters(text)
    if longest := max((len(match[0]) for match in _PADDING.finditer(text)), default=0):
        yield Finding(Risk.MEDIUM, f"{longest} blanks or line ends in a row")


def _characters(text: str) -> Iterator[Finding]:
    found: dict[int, dict[str, None]] = {}
    for match in _HIDDEN.finditer(text):
        if match["flag"] or (match[0] == "\ufeff" and match.start() == 0):
            continue
        number = int((match.lastgroup or "k0")[1:])
        names = found.setdefault(number, {})
        if len(names) <= _NAMED:
            names |= dict.fromkeys(_code(each) for each in match[0][:_LOOKED_AT])
    for number, names in found.items():
        what, _, risk = _KINDS[number]
        more = ", ..." if len(names) > _NAMED else ""
        yield Finding(risk, f"{what} ({', '.join(list(names)[:_NAMED])}{more})")


def shown(text: str) -> str:
    """`text` with what it hides as codes: `<U+202E>`, and a row of blanks by its length."""
    return coded(counted(text))


def counted(text: str) -> str:
    """`text` with each long row of blanks or line ends by its length."""
    return _PADDING.sub(_counted, text)


def coded(text: str) -> str:
    """`text` with its hidden characters as codes."""
    return _HIDDEN.sub(_escaped, text) if _MAY_HIDE.search(text) else text


def _counted(match: re.Match[str]) -> str:
    lines = match[0].count("\n")
    return f"\n<{lines} line ends>\n" if lines else f" <{len(match[0])} blanks> "


def _escaped(match: re.Match[str]) -> str:
    return match["flag"] or "".join(f"<{_code(character)}>" for character in match[0])


@lru_cache(maxsize=4096)
def _code(character: str) -> str:
    return f"U+{ord(character):04X}"
