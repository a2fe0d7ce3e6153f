"""kill -9 of the service in the middle of an answer, with the page open in a browser."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.conftest import Service
from tests.helpers.world import Table, make_service
from tests.web.conftest import FLAGS, PROGRAMS, Visit
from tests.web.killing import AWAY, kill_in_the_middle
from tests.web.shown import conversation_of, is_over, say, stored, until, until_same

EXCHANGES = 6
"""In a conversation, then another is begun: all of it has to be in the window."""


def killed(page: Page, service: Service, folder: Path, seed: int) -> int:
    """Kill it once; how many nodes were then as they are stored."""
    conversation = conversation_of(page)
    until(lambda: is_over(service, conversation))
    before = len(stored(service, conversation))
    kill_in_the_middle(page, service, folder, seed)
    until(lambda: len(stored(service, conversation)) == before + 1, "the prompt's arrival")
    until(lambda: is_over(service, conversation), "the run's end")
    return len(until_same(page, service, conversation))


def page_kills(table: Table, count: int, seed: int) -> None:
    """Kill it `count` times at random moments; the page must end with what is stored each time."""
    what = "the page after kill -9 in mid-answer: shown as stored"
    program = next((found for name in PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        table.row(what, "no browser")
        return
    same = nodes = 0
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        service = make_service(folder)
        service.start()
        service.register()
        service.argv[service.argv.index("--port") + 1] = service.url.rpartition(":")[2]
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        visit = Visit(browser, service, viewport={"width": 1200, "height": 6000})
        visit.expect(AWAY)
        page = visit.log_in("/chat/worker")
        for number in range(count):
            if number % EXCHANGES == 0:
                page.goto("/chat/worker")
                say(page, [{"text": "Good morning."}])
            nodes += killed(page, service, folder, seed * 10_000 + number)
            same += 1
        visit.check()
        browser.close()
        service.stop()
    table.row(what, f"{same}/{count}", f"= {count}", ok=same == count)
    table.row("  nodes compared", nodes)
