"""Dates and times of day as people and programs write them.

What only looks like one is left: versions (1.2.3), ratios (3:4, a 16:10 screen), addresses, and
line and column (file.py:17:05, line 17:05).
"""

from __future__ import annotations

import re

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
    r"|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)(?:\.(?= \d))?"
)
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_NTH = rf"{_DAY}(?:st|nd|rd|th|\.(?= ))?"
_NUMBER = r"(?:0?[1-9]|1[0-2])"
_YEAR = r"(?:19|20)\d\d"
_WEEKDAY = r"(?:(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?\.?,? +)?"
_ZONE = r"(?: ?(?:Z|UTC|GMT|[ACEMP][SD]T|[CEW]ES?T|BST|IST|JST)\b| ?[+-]\d{2}:?\d{2}\b)"
_HALF = r"(?: ?(?:[AaPp]\.[Mm]\.|[AaPp][Mm]\b))"
_SECONDS = rf"\d{{1,2}}:\d{{2}}:\d{{2}}(?:[.,]\d+)?{_HALF}?{_ZONE}?"
_BEGIN, _END = r"(?<![\w.])", r"(?![\w]|\.\d)"

DATES = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
        r"(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?(?:Z|UTC|[+-]\d{2}:?\d{2}))?)?\b",
        # Mon Nov 30 17:05:09 UTC 2026; [30/Nov/2026:17:05:09 +0000]
        rf"{_BEGIN}{_WEEKDAY}{_MONTH} +{_DAY} +{_SECONDS} +{_YEAR}{_END}",
        rf"{_BEGIN}{_DAY}/{_MONTH}/{_YEAR}:{_SECONDS}",
        rf"{_BEGIN}{_WEEKDAY}{_MONTH} +{_NTH}(?:,? +{_YEAR})?{_END}",
        rf"{_BEGIN}{_WEEKDAY}{_NTH}(?: of | +|[-/]){_MONTH}(?:,? +{_YEAR}|[-/]{_YEAR})?{_END}",
        rf"{_BEGIN}{_MONTH},? +{_YEAR}{_END}",
        rf"{_BEGIN}{_WEEKDAY}{_YEAR}/{_NUMBER}/{_DAY}(?!\d)",
        rf"(?<![\w./]){_WEEKDAY}(?:{_NUMBER}/{_DAY}|{_DAY}/{_NUMBER})/{_YEAR}(?![\w/]|\.\d)",
        rf"{_BEGIN}{_WEEKDAY}{_DAY}\.{_NUMBER}\.{_YEAR}{_END}",
    )
)

_CLOCK = re.compile(
    rf"(?<![\w:.,/-])(?:(?P<sure>{_SECONDS}"
    rf"|(?:0?[1-9]|1[0-2])(?::[0-5]\d)?{_HALF}{_ZONE}?"
    rf"|(?:[01]?\d|2[0-3]):[0-5]\d{_ZONE})"
    rf"|(?P<two>(?:[01]\d|2[0-3]):[0-5]\d)|(?P<one>\d:[0-5]\d))(?!\w|:[\w<]|\.\d|/\d)"
)
_BEFORE = 16
_NO_TIME_BEFORE = re.compile(
    r"(?:ratios?|aspect|scale|odds|lines?|columns?|cols?|ports?|chapter|verse|score|version)"
    r"\W{0,3}(?:(?:of|is|was)\W{1,2})?$",
    re.IGNORECASE,
)
_NO_TIME_AFTER = re.compile(
    r"\W{0,2}(?:ratio|aspect|scale|odds|screen|display|monitor|split)\b", re.IGNORECASE
)
_TIME_BEFORE = re.compile(
    r"\b(?:at|by|until|till|from|since|before|after|around|about|is|time|um|ab|bis|@)[ :]{1,2}$",
    re.IGNORECASE,
)


def without_times(text: str) -> str:
    """`text` with `<time>` for each date and time of day.

    A time with one digit and nothing after it (3:45) is one after a word like `at` alone.
    """
    for date in DATES:
        text = date.sub("<time>", text)
    return _CLOCK.sub(_told, text)


def _told(found: re.Match[str]) -> str:
    if found["sure"] is not None:
        return "<time>"
    text, start = found.string, found.start()
    before = text[max(0, start - _BEFORE) : start]
    if _NO_TIME_BEFORE.search(before) or _NO_TIME_AFTER.match(text, found.end()):
        return found[0]
    if found["one"] is not None and not _TIME_BEFORE.search(before):
        return found[0]
    return "<time>"
