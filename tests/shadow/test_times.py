"""What is a time, however it is written, and what only looks like one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.normalise import normalise
from shadow.times import without_times

TIMES = [
    "2026-11-30",
    "2026-11-30T17:05:09Z",
    "2026-11-30 17:05",
    "2026/11/30",
    "11/30/2026",
    "30/11/2026",
    "30.11.2026",
    "1.2.2026",
    "Nov 30, 2026",
    "Nov 30 2026",
    "November 30th, 2026",
    "30 November 2026",
    "30. November 2026",
    "30th of November 2026",
    "30-Nov-2026",
    "Nov 30",
    "30 Nov",
    "Nov. 3",
    "November 2026",
    "Monday, 30 November 2026",
    "Monday, November 30, 2026",
    "Mon, 30 Nov 2026",
    "Mon Nov 30 17:05:09 UTC 2026",
    "Mon Nov  3 17:05:09 2026",
    "30/Nov/2026:17:05:09 +0000",
    "17:05",
    "00:00",
    "17:05:09",
    "17:05:09.123",
    "17:05 UTC",
    "17:05+02:00",
    "9:05 CET",
    "5:05 PM",
    "5:05pm",
    "05:05 a.m.",
    "5 PM",
    "5:05:09 PM",
]


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("around", ["{}", "at {}", "({})", "It is {}.", "{}, so", "**{}**", '"{}"'])
def test_a_time_is_one_wherever_it_stands(time: str, around: str) -> None:
    assert without_times(around.format(time)) == around.format("<time>")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("at 9:05 it ended", "at <time> it ended"),
        ("time: 9:05", "time: <time>"),
        ("30.11.2026, 17:05 Uhr", "<time>, <time> Uhr"),
        ("Mon, 30 Nov 2026 17:05:09 +0000", "<time> <time>"),
        ("from 17:05 to 18:10", "from <time> to <time>"),
        ("-rw-r--r-- 1 u u 12 Nov 30 17:05 f.py", "-rw-r--r-- 1 u u 12 <time> <time> f.py"),
        ("logs/2026/11/30/x.log", "logs/<time>/x.log"),
    ],
)
def test_times_among_words(text: str, told: str) -> None:
    assert without_times(text) == told


@pytest.mark.parametrize(
    "text",
    [
        "1.2.3",
        "2026-13-45",
        "2026-00-10",
        "v30.11.2026",
        "30.11.2026.1",
        "version 10.11.12",
        "Python 3.12.1",
        "a ratio of 3:4",
        "16:9",
        "a 16:10 screen",
        "aspect ratio 16:10",
        "ratio: 16:10",
        "odds of 10:15",
        "192.168.10.20",
        "127.0.0.1:8080",
        "10.11.12.13:17:05",
        "file.py:17:05",
        "src/a.ts:17:05: error",
        "file.py:17:5",
        "line 17:05",
        "Line: 17:05",
        "localhost:17:05",
        "fe80::10:05",
        "12:34:ab:cd:ef:01",
        "ab:12:34:56",
        "25:10",
        "17:65",
        "99/99/2026",
        "13/13/2026",
        "32.11.2026",
        "1/2/3",
        "you may 5 times",
        "the decision 10",
        "12:345",
        "x17:05",
        "every Monday",
        "John 3:16",
        "scale 1:50",
        "2026",
        "build 20261130",
    ],
)
def test_what_is_no_time_stays(text: str) -> None:
    assert without_times(text) == text


def test_other_words_of_a_time_still_count() -> None:
    assert normalise("due Nov 30, 2026 for Ann") != normalise("due Nov 30, 2026 for Bob")
    assert normalise("done on Nov 30, 2026") == normalise("done on Dec 1, 2027")


@given(
    st.text(max_size=60) | st.lists(st.sampled_from([*TIMES, " ", ":", "at ", "x"])).map("".join)
)
def test_twice_changes_nothing_more(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
