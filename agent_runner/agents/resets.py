"""When a limit ends, read from what a CLI says of it. Pure: the present time is given.

A text is searched for words such as `resets`, `try again` or `retry in`; what follows them is a
time or is not. What cannot be read in full, an unknown time zone say, is no time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

LONGEST = timedelta(days=370)
"""A limit that would end later than this is taken for a misreading."""

LOOKED_AT = 16_000
_FOLLOWS = 120
_AHEAD = re.compile(
    r"\b(?:retry[ _-]?delay|(?:retry[ _-]?after|resets?[_-]in)(?:[ _-]?(?P<unit>ms|seconds?))?"
    r"|resets?_?at|resets?|retry|again"
    r"|regain access|refreshes|renews|available|continue|lifted|expires|ends|until|wait)\b"
    r"(?P<mark>[\"']?\s*[:=]\s*[\"']?)?",
    re.IGNORECASE,
)
_LAST = re.compile(r"\b(?P<unit>in)(?P<mark>)(?=[^.]{1,40}[.!)]?\s*$)", re.IGNORECASE)
_EPOCH = re.compile(r"\|(\d{10}|\d{13})\b")
_STAMP = re.compile(r"(?:\d{10}|\d{13})(?![\w:/-])")
_LINKS = re.compile(
    r"\s*(?:(?:in|after|for|at|on|until|by|about|approximately)\b|[:,~≈]|\s)*", re.IGNORECASE
)
_HTTP_DATE = re.compile(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT")
_SPAN = re.compile(
    r"(\d{1,9}(?:\.\d{1,9})?|an?)\s*(milliseconds?|ms|weeks?|w|days?|d|hours?|hrs?|h"
    r"|minutes?|mins?|m|seconds?|secs?|s)(?![a-z])(?:\s*(?:,|and)?\s*)",
    re.IGNORECASE,
)
_SECONDS = {"ms": 0.001, "mi": 60, "w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
_BARE = re.compile(r"\d{1,9}(?:\.\d{1,9})?(?![\w:/-])")

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})[a-z]*\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?:,?\s+(?P<year>\d{4})(?!:))?"
_BETWEEN = r"(?:\s*,)?\s*(?:at\s+|T)?"
_CLOCK = (
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d{1,9})?)?)?"
    r"\s*(?P<half>[ap]m\b|[ap]\.m\.)?"
)
_DATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})",
        rf"{_MONTH}\s+{_DAY}\b{_YEAR}",
        rf"{_DAY}\s+{_MONTH}{_YEAR}",
        rf"(?P<weekday>{'|'.join(_DAYS)})[a-z]*\b",
        r"(?P<near>today|tomorrow)\b",
    )
)
_AT = re.compile(_BETWEEN, re.IGNORECASE)
_TIME = re.compile(_CLOCK, re.IGNORECASE)
_ZONE = re.compile(
    r"\s*(?:\((?P<named>[^()\n]{1,64})\)"
    r"|(?P<bare>(?:UTC|GMT)?[+-]\d{1,2}(?::?\d{2})?\b|Z\b|[A-Z]{2,5}\b|[A-Z][a-z]+/[A-Za-z_/]+))?"
)
_HOURS = {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7}
"""The zones that RFC 5322 (4.3) gives a meaning; the word alone names many others."""

_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d{2}))?")


def reset_time(text: str, now: datetime, local: tzinfo | None = None) -> datetime | None:
    """When it is over (UTC), if `text` says so and that is after `now` and within a year.

    A time without a zone is of the `local` one: by default, this machine's. Never raises.
    """
    for moment in _moments(text[:LOOKED_AT], now, local):
        return future(moment, now)
    return None


def future(moment: datetime, now: datetime) -> datetime | None:
    """`moment` in UTC if it is to come, and not absurdly late."""
    return moment.astimezone(UTC) if now < moment <= now + LONGEST else None


def from_epoch(seconds: float) -> datetime | None:
    """A Unix time in seconds, or in milliseconds where it is too large for them."""
    try:
        return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def told_words(text: str) -> str | None:
    """The part of `text` that says when it is over, as it stands there; None if none does."""
    for match in _cues(text[:LOOKED_AT]):
        end = _end_of_time(text, match)
        if end is not None:
            return text[match.start() : end].strip()
    return None


def _end_of_time(text: str, match: re.Match[str]) -> int | None:
    rest = text[match.end() : match.end() + _FOLLOWS]
    start = _LINKS.match(rest)
    at = start.end() if start else 0
    span = _span_end(rest, at)
    if span:
        return match.end() + span
    if match["mark"] and (bare := _BARE.match(rest, at)):
        return match.end() + bare.end()
    for pattern in (*_DATES, _TIME):
        if found := pattern.match(rest, at):
            tail = re.match(r"[^\n.;\"'{}]{0,60}", rest[found.end() :])
            return match.end() + found.end() + (tail.end() if tail else 0)
    return None


def _span_end(text: str, at: int) -> int:
    end = 0
    while found := _SPAN.match(text, at):
        at = end = found.end()
    return end


def _moments(text: str, now: datetime, local: tzinfo | None) -> Iterator[datetime]:
    if (found := _EPOCH.search(text)) and (moment := from_epoch(float(found[1]))):
        yield moment
    for match in _cues(text):
        rest = text[match.end() : match.end() + _FOLLOWS]
        try:
            moment = _read(rest, match, now, local)
        except (ArithmeticError, ValueError, TypeError):
            moment = None
        if moment is not None:
            yield moment


def _cues(text: str) -> Iterator[re.Match[str]]:
    yield from _AHEAD.finditer(text)
    yield from _LAST.finditer(text)


def _read(rest: str, match: re.Match[str], now: datetime, local: tzinfo | None) -> datetime | None:
    start = _LINKS.match(rest)
    at = start.end() if start else 0
    if found := _HTTP_DATE.match(rest, at):
        return parsedate_to_datetime(found[0])
    if seconds := _seconds(rest, at):
        return now + timedelta(seconds=seconds)
    if found := _STAMP.match(rest, at):
        return from_epoch(float(found[0]))
    lasts = match["unit"] or match[0].lower().startswith("retry")
    if match["mark"] and lasts and (bare := _BARE.match(rest, at)):
        unit = 0.001 if match["unit"] == "ms" else 1
        return now + timedelta(seconds=float(bare[0]) * unit)
    return _calendar(rest, at, now, local)


def _seconds(text: str, at: int) -> float:
    total = 0.0
    while found := _SPAN.match(text, at):
        unit = found[2].lower()
        factor = _SECONDS["ms" if unit.startswith(("ms", "milli")) else unit[0]]
        total += (1 if found[1].lower().startswith("a") else float(found[1])) * factor
        at = found.end()
    return total


def _calendar(text: str, at: int, now: datetime, local: tzinfo | None) -> datetime | None:
    day: re.Match[str] | None = None
    for pattern in _DATES:
        if day := pattern.match(text, at):
            between = _AT.match(text, day.end())
            at = between.end() if between else day.end()
            break
    clock = _TIME.match(text, at)
    if clock is None or not (clock["minute"] or clock["half"]):
        return None
    zone = _zone(text, clock.end(), local)
    if zone is None and _names_zone(text, clock.end()):
        return None
    return _next(_dates(day, now.astimezone(zone).date()), _time(clock), zone, now)


def _time(clock: re.Match[str]) -> time:
    hour, half = int(clock["hour"]), clock["half"]
    if half:
        if not 1 <= hour <= 12:
            raise ValueError(hour)
        hour = hour % 12 + (12 if half.lower().startswith("p") else 0)
    return time(hour, int(clock["minute"] or 0), int(clock["second"] or 0))


def _names_zone(text: str, at: int) -> bool:
    found = _ZONE.match(text, at)
    return found is not None and bool(found["named"] or found["bare"])


def _zone(text: str, at: int, local: tzinfo | None) -> tzinfo | None:
    """The zone named there, or `local` if none is; None is this machine's, or an unknown one."""
    found = _ZONE.match(text, at)
    name = (found["named"] or found["bare"] or "").strip() if found else ""
    if not name:
        return local
    if name in ("Z", "UTC", "GMT"):
        return UTC
    if name in _HOURS:
        return timezone(timedelta(hours=_HOURS[name]))
    if offset := _OFFSET.fullmatch(name):
        size = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
        return timezone(size if offset[1] == "+" else -size)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def _dates(found: re.Match[str] | None, today: date) -> list[date]:
    """The days that are meant, in order; the first whose time is to come counts."""
    groups = found.groupdict() if found else {}
    if not groups:
        return [today, today + timedelta(days=1)]
    if near := groups.get("near"):
        return [today + timedelta(days=near.lower() == "tomorrow")]
    if weekday := groups.get("weekday"):
        ahead = (_DAYS.index(weekday[:3].lower()) - today.weekday()) % 7
        return [today + timedelta(days=ahead), today + timedelta(days=ahead + 7)]
    month, day = groups["month"], int(groups["day"])
    number = int(month) if month.isdigit() else _MONTHS.index(month[:3].lower()) + 1
    if groups["year"]:
        return [date(int(groups["year"]), number, day)]
    this_year = date(today.year, number, day)
    # Without a year a day just gone is gone; one that is long gone is next year's.
    if today - this_year < timedelta(days=180):
        return [this_year]
    return [date(today.year + 1, number, day)]


def _next(days: list[date], at: time, zone: tzinfo | None, now: datetime) -> datetime:
    moments: list[datetime] = []
    for day in days:
        first, second = (
            datetime.combine(day, at.replace(fold=fold), zone).astimezone(UTC) for fold in (0, 1)
        )
        # An hour that comes twice; of one that is left out the second reading is the earlier.
        moments += [first, second] if first < second else [first]
    return next((moment for moment in moments if moment > now), moments[-1])
