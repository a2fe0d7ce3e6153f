"""What somebody types to search for: words, "a phrase", and -word for what is not to be there."""

from __future__ import annotations

import re

import msgspec

from agent_runner.errors import BadRequestError

LONGEST = 500
MOST_PARTS = 20

_PART = re.compile(r'(-?)(?:"([^"]*)"|(\S+))')


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """All of `phrases` and none of `without`; the last phrase may go on if `open_end`."""

    phrases: list[str]
    without: list[str]
    open_end: bool


def parse(text: str) -> Wanted:
    """The parts of `text`; BadRequestError `invalid_search` says what is wrong with it.

    Nothing else has a meaning: AND, OR, brackets and stars are looked for as they stand.
    """
    if len(text) > LONGEST:
        raise _invalid(f"it is longer than {LONGEST} characters")
    if text.count('"') % 2:
        raise _invalid('a quotation mark (") is open')
    phrases: list[str] = []
    without: list[str] = []
    open_end = False
    for sign, quoted, word in _PART.findall(text):
        phrase = (quoted or word).strip()
        if not any(letter.isalnum() for letter in phrase):
            continue
        (without if sign else phrases).append(phrase)
        open_end = not sign and not quoted
    if not phrases:
        raise _invalid("it has no word to look for")
    if len(phrases) + len(without) > MOST_PARTS:
        raise _invalid(f"it has more than {MOST_PARTS} parts")
    return Wanted(phrases=phrases, without=without, open_end=open_end)


def _invalid(why: str) -> BadRequestError:
    return BadRequestError(
        "invalid_search",
        f"this cannot be searched for: {why}",
        hint='words, "a phrase", -word for what is not to be there',
    )
