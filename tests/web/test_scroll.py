"""Where a conversation is scrolled to: its end while that is followed, else a place of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Service
from tests.web.conftest import Visit
from tests.web.shown import say, until

_LEFT = """() => {
  const log = document.querySelector('.log');
  return log.scrollHeight - log.clientHeight - log.scrollTop;
}"""
LINES = "\n".join(f"- line {number}" for number in range(40))


@pytest.fixture
def page(empty: Service, visit: Visit) -> Page:
    """The page at the beginning of a conversation with `worker`."""
    del empty
    return visit.log_in("/chat/worker")


def is_at_end(page: Page) -> None:
    """Wait until the end is in view."""
    until(lambda: bool(page.evaluate(_LEFT) <= 2), "the end in view")


def test_a_click_beside_the_words_does_not_let_go_of_the_end(page: Page, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    say(page, [{"text": "Short."}, {"wait": str(gate)}, {"text": LINES}])
    expect(page.locator(".says")).to_contain_text("Short.")
    box = page.locator(".log").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] - 20, box["y"] + box["height"] - 20)
    page.mouse.wheel(0, -3)
    gate.touch()
    expect(page.locator(".says").last).to_contain_text("line 39")
    is_at_end(page)


def test_small_steps_upwards_are_not_taken_back(page: Page, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    say(page, [{"text": LINES}, {"wait": str(gate)}, {"text": LINES}])
    expect(page.locator(".says").last).to_contain_text("line 39")
    is_at_end(page)
    page.locator(".log").hover()
    for _ in range(4):
        page.mouse.wheel(0, -5)
        page.wait_for_timeout(50)
    before = page.evaluate("document.querySelector('.log').scrollTop")
    gate.touch()
    expect(page.locator(".chat-head .state")).to_contain_text("idle")
    page.wait_for_timeout(300)
    assert page.evaluate("document.querySelector('.log').scrollTop") == before
    expect(page.get_by_role("button", name="Jump to latest")).to_be_visible()


def test_what_one_says_oneself_is_shown(page: Page) -> None:
    say(page, [{"text": LINES}])
    expect(page.locator(".says")).to_contain_text("line 39")
    is_at_end(page)
    page.locator(".log").hover()
    page.mouse.wheel(0, -600)
    expect(page.get_by_role("button", name="Jump to latest")).to_be_visible()
    say(page, json.dumps([{"text": "The second."}]))
    expect(page.locator(".says").last).to_contain_text("The second.")
    is_at_end(page)
