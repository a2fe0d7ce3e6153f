"""A real CLI driven from the page in a browser: a chat, and a call that is allowed there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.real.approvals import COUNTS, asks, ran
from tests.real.cases import says
from tests.real.clis import CLAUDE
from tests.real.world import PATIENCE_S, Real
from tests.web.conftest import FLAGS, Visit, built_page, chromium
from tests.web.shown import shown

__all__ = ["built_page", "chromium"]

pytestmark = pytest.mark.real

SCREENSHOTS = os.environ.get("SCREENSHOTS")
"""A folder for pictures of what was seen."""


@pytest.fixture
def browser(chromium: str, built_page: Path) -> Iterator[Browser]:
    del built_page
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield started
        started.close()


class TestClaudeOnThePage:
    cli = CLAUDE

    def test_a_chat_with_an_allowed_call(self, warm: Real, browser: Browser) -> None:
        agent = warm.agent("coder")
        warm.model.script([says("# Good day\n\nWhat is it?"), asks(), says("It is **counted**.")])
        visit = Visit(browser, warm.service, viewport={"width": 1280, "height": 800})
        page = visit.log_in("/chat/coder")
        patience = PATIENCE_S * 1000
        field = page.get_by_label("Prompt", exact=True)
        field.fill("Good day")
        field.press("Enter")
        expect(page.get_by_role("heading", name="Good day").last).to_be_visible(timeout=patience)
        field.fill("Count it, please")
        field.press("Enter")
        question = page.locator("section.ask")
        expect(question).to_contain_text(COUNTS, timeout=patience)
        if SCREENSHOTS:
            page.screenshot(path=f"{SCREENSHOTS}/claude-asks.png")
        assert ran(agent) == 0
        question.focus()
        page.keyboard.press("a")
        expect(page.locator(".says").last).to_have_text("It is counted.", timeout=patience)
        assert ran(agent) == 1
        expect(page.locator(".asked")).to_contain_text("Allowed")
        expect(page.locator(".tool-row").last).to_contain_text("echo ran")
        expect(page.locator("aside")).to_contain_text(re.compile(r"\d+ out"))
        page.reload()
        expect(page.locator(".says").last).to_have_text("It is counted.", timeout=patience)
        assert [(node["prompt"], node["state"]) for node in shown(page)] == [
            ("Good day", "succeeded"),
            ("Count it, please", "succeeded"),
        ]
        if SCREENSHOTS:
            page.screenshot(path=f"{SCREENSHOTS}/claude-counted.png")
        visit.check()
        visit.context.close()
