"""The report is readable, complete, and safe whatever a CLI printed."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from conversation_store.records import ComparisonDetail, LegBody
from shadow.diff import MOST_LINES, unified
from shadow.metrics import metrics
from shadow.page import POLICY, html
from shadow.report import NOTHING_YET, Report, markdown
from shadow.window import worst_of
from tests.helpers.shadow_history import history
from tests.shadow.test_criteria import SINCE, UNTIL, judged, record

EVIL = "</pre><script>alert(1)</script><img src=x onerror=alert(1)>\"'&\x1b[31m| a |"


def report(evil: str = EVIL, **asked: Any) -> Report:
    pairs = list(history(**asked))
    found = [record(pair) for pair in pairs]
    ids = {one.comparison_id for one in worst_of(found, 5)}
    worst = [
        ComparisonDetail(
            comparison=record(pair, agent_id=evil),
            primary=LegBody(output=evil, diff=f"+{evil}"),
            mirror=None,
        )
        for pair in pairs
        if pair[0].comparison_id in ids
    ]
    figures = metrics(found, since=SINCE, until=UNTIL)
    return Report(metrics=figures, criteria=judged(found), worst=worst)


class Page(HTMLParser):
    """Collects what a browser would load or run, and checks that tags close."""

    VOID = frozenset(("meta", "br", "img"))

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("src", "href", "srcset", "xlink:href") or name.startswith("on"):
                self.outside.append(f"{name}={value}")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_loads_and_runs_nothing() -> None:
    text = html(report(days=30, per_day=20))
    page = Page()
    page.feed(text)
    assert page.open == []
    assert page.outside == []
    assert page.tags.isdisjoint({"script", "img", "link", "iframe", "object", "form"})
    assert "url(" not in text
    assert "@import" not in text
    assert 'style="' not in text
    assert POLICY.replace("'", "&#39;") in text
    assert text.count("<svg") == 4
    assert text.count("<details") == 5


def test_what_a_cli_printed_is_shown_as_text() -> None:
    text = html(report(days=3))
    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_an_empty_window_says_what_to_do() -> None:
    nothing = report(days=0)
    assert "commMode shadow" in html(nothing)
    assert NOTHING_YET in markdown(nothing)


def test_the_markdown_has_its_tables() -> None:
    text = markdown(report(days=30, per_day=20))
    assert "**tmux can go: not yet**" in text
    assert "| success | " in text
    rows = [line for line in text.splitlines() if line.startswith("| cmp_")]
    assert len(rows) == 5
    for row in rows:
        assert "<script>" not in row
        assert len(re.findall(r"(?<!\\)\|", row)) == 6
    assert "\x1b" not in "".join(rows)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_extremes_are_drawn(share: float) -> None:
    html(report(days=1, per_day=5, mismatches=share, failures=share))


def test_a_diff_is_bounded() -> None:
    assert unified("a\nb", "a\nb") == ""
    assert "+c" in unified("a\nb", "a\nc")
    long = "\n".join(map(str, range(MOST_LINES + 5)))
    assert unified(long, f"{long}\nx").endswith("lines were compared]")
