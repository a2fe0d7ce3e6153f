"""When a limit ends, from a CLI's words."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runner.agents.failures import ERROR_LIMIT, short
from agent_runner.agents.resets import LONGEST, reset_time, told_words

NOW = datetime(2026, 11, 30, 22, tzinfo=UTC)


def read(text: str, now: datetime = NOW) -> str | None:
    found = reset_time(text, now, UTC)
    return None if found is None else found.isoformat(timespec="seconds").removesuffix("+00:00")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("You've hit your limit · resets 8pm (America/New_York)", "2026-12-01T01:00:00"),
        ("Claude AI usage limit reached|1796083200", "2026-12-01T00:00:00"),
        ("Claude AI usage limit reached|1796083200000", "2026-12-01T00:00:00"),
        ("Please retry in 39.07s.", "2026-11-30T22:00:39"),
        ("retry in 39 s", "2026-11-30T22:00:39"),
        ('"retryDelay": "39s"', "2026-11-30T22:00:39"),
        ("Retry-After: 120", "2026-11-30T22:02:00"),
        ("retry_after_ms=120000", "2026-11-30T22:02:00"),
        ("Retry-After: Tue, 01 Dec 2026 07:28:00 GMT", "2026-12-01T07:28:00"),
        ("try again at 5:30 PM", "2026-12-01T17:30:00"),
        ("You can continue in 2 hours", "2026-12-01T00:00:00"),
        ("in 2 hours", "2026-12-01T00:00:00"),
        ("try again in 5 days 22 hours 11 minutes.", "2026-12-06T20:11:00"),
        ("Your quota will reset after 8h44m7s.", "2026-12-01T06:44:07"),
        ("resets Dec 3, 9am", "2026-12-03T09:00:00"),
        ("resets 3 December 2026, 09:00", "2026-12-03T09:00:00"),
        ("resets Feb 7, 11am (Asia/Seoul)", "2027-02-07T02:00:00"),
        ("try again at Jul 5th, 2027 8:19 PM.", "2027-07-05T20:19:00"),
        ("You will regain access on 2026-12-01 at 00:00 UTC.", "2026-12-01T00:00:00"),
        ("resets at 2026-12-01T05:00:00+02:00", "2026-12-01T03:00:00"),
        ("resets Thursday 9am", "2026-12-03T09:00:00"),
        ("resets tomorrow at 12:00 am (UTC)", "2026-12-01T00:00:00"),
        ("resets 1pm (Etc/GMT+5)", "2026-12-01T18:00:00"),
        ("resets 3am (UTC+2)", "2026-12-01T01:00:00"),
        ("reset at 1796083200", "2026-12-01T00:00:00"),
        ('"resetsAt": 1796083200', "2026-12-01T00:00:00"),
        ('"resets_at":"2026-12-01T05:00:00Z"', "2026-12-01T05:00:00"),
        ("anthropic-ratelimit-unified-reset: 1796083200", "2026-12-01T00:00:00"),
        ('"resets_in_seconds":3600', "2026-11-30T23:00:00"),
    ],
)
def test_a_time(text: str, moment: str) -> None:
    assert read(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "", "resets", "please try again later", "resets in a while", "closed until further notice",
        "resets 8pm (Mars/Olympus)", "resets 8pm (../../etc/passwd)", "resets 8pm (\x00)",
        "resets 8pm IST", "resets 13pm", "resets 0am", "resets 25:00", "resets 9:99",
        "resets Feb 30, 9am", "resets Nov 29, 9am", "resets Nov 30, 9:59 pm", "retry in 0s",
        "Claude AI usage limit reached|1764547200", "usage limit reached|9999999999",
        "resets in 9999999 days", "resets 2030-01-01 at 00:00 UTC", "resets 0000-00-00 at 00:00",
        "try again at 10 de jul. de 2026, 11:52", "8pm (America/New_York)", "after 3 retries",
    ],
)  # fmt: skip
def test_no_time(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize(
    ("now", "text", "moment"),
    [
        # The night in which New York goes to summer time: 2:30 does not come.
        ("2027-03-14T05:00", "resets 2:30am (America/New_York)", "2027-03-14T07:30:00"),
        ("2027-03-14T05:00", "resets 3:30am (America/New_York)", "2027-03-14T07:30:00"),
        ("2027-03-13T20:00", "resets 8pm (America/New_York)", "2027-03-14T01:00:00"),
        ("2027-03-14T01:00", "resets 8pm (America/New_York)", "2027-03-15T00:00:00"),
        # The night in which it goes back: 1:30 comes twice.
        ("2026-11-01T05:00", "resets 1:30am (America/New_York)", "2026-11-01T05:30:00"),
        ("2026-11-01T05:45", "resets 1:30am (America/New_York)", "2026-11-01T06:30:00"),
        ("2026-11-01T06:45", "resets 1:30am (America/New_York)", "2026-11-02T06:30:00"),
        # The words for which RFC 5322 has a zone.
        ("2026-12-01T02:00", "resets Thursday at 10am (PST)", "2026-12-03T18:00:00"),
        ("2026-07-01T02:00", "resets 8pm EDT", "2026-07-02T00:00:00"),
        # The day is that of the zone, not that of UTC.
        ("2026-12-01T02:00", "resets today at 10pm (America/New_York)", "2026-12-01T03:00:00"),
        ("2026-12-31T23:00", "resets Jan 1, 1am (Asia/Tokyo)", None),
        ("2026-12-31T12:00", "resets Jan 1, 1am (Asia/Tokyo)", "2026-12-31T16:00:00"),
        ("2028-02-28T12:00", "resets Feb 29, 9am", "2028-02-29T09:00:00"),
    ],
)
def test_zones(now: str, text: str, moment: str | None) -> None:
    assert read(text, datetime.fromisoformat(now).replace(tzinfo=UTC)) == moment


def test_a_time_without_a_zone_is_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "TZ", "Asia/Tokyo")
    time.tzset()
    try:
        expected = datetime(2026, 12, 1, 9, tzinfo=ZoneInfo("Asia/Tokyo"))
        assert reset_time("resets 9am", NOW) == expected
    finally:
        monkeypatch.undo()
        time.tzset()


@given(st.text(st.sampled_from("resets try again in at retry-after:|0123456789 hmsdap,()/UTC+-TZ"))
       | st.text())  # fmt: skip
def test_any_text_is_read(text: str) -> None:
    for words in (text, f"resets {text}", f"retry in {text}", f"try again at {text}"):
        found = reset_time(words, NOW)
        assert found is None or NOW < found <= NOW + LONGEST
        told_words(words)


@pytest.mark.parametrize("piece", ["resets ", "again 1 h ", "retry after ", "in ", "resets 1 h, "])
def test_a_flood_is_read_to_a_bound(piece: str) -> None:
    reset_time(piece * 100_000, NOW)
    told_words(piece * 100_000)


def test_what_is_cut_off_keeps_its_time() -> None:
    text = "x" * ERROR_LIMIT + " Please retry in 39s."
    assert short(text).endswith("... retry in 39s")
    assert read(short(text)) == read("retry in 39s")
    assert NOW + timedelta(seconds=39) == reset_time(short(text), NOW)
