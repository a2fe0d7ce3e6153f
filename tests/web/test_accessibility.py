"""Each view of the page, in both themes and at both widths, under axe: no violation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Service
from tests.web.conftest import Visiting, left_out
from tests.web.shown import conversation_of, say

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
TEXT = "# Title\n\nWords, `code`, [a link](https://example.org).\n\n"
TEXT += "| a | b |\n|---|---|\n| 1 | 2 |\n\n"
TEXT += "```python\nx = 1  # a comment\n```\n\n- one\n- two\n\n> said\n"
EDIT = {"file_path": "/tmp/a.py", "old_string": "x = 1\ny = 2", "new_string": "x = 2\ny = 2"}
OPERATE = (
    *("fallback", "circuits", "health", "shadow", "sessions", "approvals", "usage", "settings"),
)
THEMES = [(scheme, width) for scheme in ("light", "dark") for width in (1440, 360)]


@pytest.fixture(scope="module")
def axe() -> str:
    """The rules, as a script."""
    if not AXE.is_file():
        left_out("axe-core is not there: npm could not be had at set-up")
    return AXE.read_text("utf-8")


def violations(page: Page, axe: str) -> list[str]:
    """What axe finds, a line each."""
    page.evaluate(axe)
    run = "axe.run(document, {resultTypes: ['violations']})"
    found: list[dict[str, Any]] = page.evaluate(f"{run}.then((result) => result.violations)")
    return [
        f"{one['id']}: {node['html'][:200]} {node['failureSummary']}"
        for one in found
        for node in one["nodes"]
    ]


@pytest.mark.parametrize(("scheme", "width"), THEMES)
def test_no_view_has_a_violation(
    visiting: Visiting, empty: Service, axe: str, scheme: str, width: int
) -> None:
    visit = visiting(color_scheme=scheme, viewport={"width": width, "height": 900})
    page = visit.log_in("/chat/worker")
    found: dict[str, list[str]] = {}

    def look(name: str) -> None:
        page.wait_for_timeout(150)
        found[name] = violations(page, axe)

    expect(page.get_by_role("heading", name="worker").last).to_be_visible()
    look("a conversation that is not begun")
    tools = [
        {"tool": "Bash", "input": {"command": "ls"}, "output": "a.txt"},
        {"tool": "Edit", "input": EDIT, "output": "ok"},
    ]
    say(page, [*tools, {"text": TEXT}])
    expect(page.locator(".says")).to_contain_text("said")
    for row in page.locator("details.tool-row > summary").all():
        row.click()
    expect(page.locator(".diff-minus").first).to_be_visible()
    look("an answer with its tools open")
    say(page, [{"error": "Overloaded", "status": 529}])
    expect(page.locator(".ending")).to_be_visible()
    look("a failure")
    say(page, [{"ask": "Bash", "input": {"command": "rm -r build"}}])
    expect(page.locator("section.ask")).to_be_visible()
    look("a question")
    page.locator("section.ask").focus()
    page.keyboard.press("e")
    look("a question that is changed")
    page.keyboard.press("Escape")
    page.locator("section.ask").focus()
    page.keyboard.press("d")
    look("a question that is denied")
    page.keyboard.press("Escape")
    conversation_of(page)
    page.get_by_role("button", name="More", exact=True).click()
    look("a menu")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="For this prompt").click()
    look("what holds for a prompt")
    if width < 1080:
        page.get_by_role("button", name="Run", exact=True).click()
        look("the run as a sheet")
        page.get_by_role("button", name="Close").click()
    page.goto("/inbox")
    expect(page.locator("section.ask")).to_be_visible()
    look("the inbox")
    page.goto("/find?q=words")
    expect(page.locator(".hits li").first).to_be_visible()
    look("search")
    for name in OPERATE:
        page.goto(f"/operate/{name}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_text("Loading")).to_have_count(0)
        look(name)
    page.goto("/")
    if width >= 680:
        page.wait_for_url("**/chat/**")
    page.get_by_role("button", name="New agent").click()
    expect(page.get_by_role("dialog")).to_contain_text("Claude Code")
    look("a new agent")
    faults = {name: lines for name, lines in found.items() if lines}
    assert not faults, "\n".join(
        f"{name}: {line}" for name, lines in faults.items() for line in lines
    )


def test_a_stranger_sees_no_violation(visiting: Visiting, axe: str) -> None:
    for scheme in ("light", "dark"):
        visit = visiting(color_scheme=scheme)
        page = visit.come_as_a_stranger()
        assert violations(page, axe) == []
