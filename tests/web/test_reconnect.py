"""Nothing is lost or comes twice: over kill -9, sleep, several tabs, a broken network."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.conftest import Service
from tests.web.conftest import Visit, Visiting
from tests.web.killing import AWAY, kill_in_the_middle
from tests.web.shown import conversation_of, is_over, say, stored, until, until_same


@pytest.fixture
def mortal(make_service: Callable[..., Service]) -> Service:
    """A service that is killed, and comes back at the same address."""
    service = make_service()
    service.register()
    service.argv[service.argv.index("--port") + 1] = service.url.rpartition(":")[2]
    return service


@pytest.mark.parametrize("seed", range(3))
def test_the_page_ends_with_what_is_stored(
    visiting: Visiting, mortal: Service, tmp_path: Path, seed: int
) -> None:
    visit = visiting(mortal, viewport={"width": 1200, "height": 3000})
    visit.expect(AWAY)
    page = visit.log_in("/chat/worker")
    say(page, [{"text": "Good morning."}])
    conversation = conversation_of(page)
    kill_in_the_middle(page, mortal, tmp_path, seed)
    until(lambda: len(stored(mortal, conversation)) == 2, "the prompt's arrival")
    until(lambda: is_over(mortal, conversation), "the run's end")
    found = until_same(page, mortal, conversation)
    assert found[1]["state"] in ("interrupted", "failed", "cancelled", "succeeded")
    say(page, [{"text": "Good evening."}])
    expect(page.locator(".says").last).to_contain_text("Good evening.")
    until_same(page, mortal, conversation)


def test_a_prompt_that_was_written_while_the_service_was_away_is_sent_once(
    visiting: Visiting, mortal: Service
) -> None:
    visit = visiting(mortal)
    visit.expect(AWAY)
    page = visit.log_in("/chat/worker")
    say(page, "The first")
    conversation = conversation_of(page)
    expect(page.locator(".says")).to_contain_text("echo: The first")
    mortal.stop(signal.SIGKILL)
    expect(page.locator(".live")).to_contain_text("away")
    say(page, "The second")
    expect(page.locator("[data-pending]")).to_contain_text("waiting for the service")
    mortal.start()
    expect(page.locator(".says").last).to_contain_text("echo: The second")
    expect(page.locator("[data-pending]")).to_have_count(0)
    prompts = [node["prompt"] for node in until_same(page, mortal, conversation)]
    assert prompts == ["The first", "The second"]


def test_a_page_that_was_reloaded_sends_what_it_had_kept(
    visiting: Visiting, mortal: Service
) -> None:
    visit = visiting(mortal)
    visit.expect(AWAY)
    page = visit.log_in("/chat/worker")
    say(page, "The first")
    conversation = conversation_of(page)
    expect(page.locator(".says")).to_contain_text("echo: The first")
    page.route("**/execute", lambda route: route.abort())
    visit.expect("ERR_FAILED")
    say(page, "Kept")
    expect(page.locator("[data-pending]")).to_be_visible()
    page.unroute("**/execute")
    page.reload()
    expect(page.locator(".says").last).to_contain_text("echo: Kept")
    assert len(until_same(page, mortal, conversation)) == 2


def test_a_page_that_slept_is_live_at_once_when_it_is_looked_at(
    visit: Visit, empty: Service, tmp_path: Path
) -> None:
    page = visit.log_in("/chat/worker")
    gate = tmp_path / "gate"
    say(page, [{"streamed": ["Before it slept"], "then_wait": str(gate)}, {"text": "After it."}])
    conversation = conversation_of(page)
    expect(page.locator(".says")).to_contain_text("Before it slept")
    session = visit.context.new_cdp_session(page)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    gate.touch()
    until(lambda: is_over(empty, conversation))
    empty.run("while it slept", conversationId=conversation)
    session.send("Page.setWebLifecycleState", {"state": "active"})
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator(".says").last).to_contain_text("echo: while it slept")
    until_same(page, empty, conversation)


def test_tabs_share_one_stream_and_show_the_same(visit: Visit, empty: Service) -> None:
    first = visit.log_in("/chat/worker")
    say(first, "The first")
    conversation = conversation_of(first)
    others = [visit.context.new_page() for _ in range(9)]
    for other in others:
        other.goto(first.url)
        expect(other.locator(".says")).to_contain_text("echo: The first")
    say(others[-1], "From the tenth")
    for tab in (first, *others):
        expect(tab.locator(".says").last).to_contain_text("echo: From the tenth")
        until_same(tab, empty, conversation)
    first.close()
    say(others[0], "After the first has gone")
    for tab in others:
        expect(tab.locator(".says").last).to_contain_text("echo: After the first has gone")
        until_same(tab, empty, conversation)
    assert empty.sockets() < 20


def test_a_second_tab_knows_what_there_is_wherever_it_begins(visit: Visit, empty: Service) -> None:
    del empty
    first = visit.log_in("/inbox")
    expect(first.locator(".side .agent-head")).to_have_count(1)
    second = visit.context.new_page()
    second.goto("/inbox")
    expect(second.locator(".side .agent-head")).to_have_count(1)
    expect(second.locator(".live")).to_contain_text("live")
