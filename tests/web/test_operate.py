"""The pages for operators in a browser, against the service and the scripted CLI."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any
from uuid import uuid4

import anyio
import pytest
from playwright.sync_api import Locator, Page, expect

from agent_runner import wire
from conversation_store.sqlite.store import open_store
from tests.conftest import ModuleService, Service
from tests.helpers.rows import add_agent
from tests.helpers.shadow_history import history, seed
from tests.web.conftest import Visit, Visiting
from tests.web.shown import until

pytestmark = pytest.mark.usefixtures("empty")


@pytest.fixture(scope="module")
def live(module_service: ModuleService) -> Service:
    """A service that has tmux, so that there is another way, and moves nothing by itself."""
    service = module_service(tmux={}, fallback={"automatic": {"enabled": False}})
    service.register()
    return service


@pytest.fixture
def empty(live: Service) -> Service:
    """The module's service, with nothing in it but its agent, and nothing moved."""
    live.clear()
    live.register()
    post(live, "/api/fallback/clear-all", reason="a test begins")
    return live


def get(service: Service, path: str, **query: Any) -> dict[str, Any]:
    with service.client() as client:
        answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def post(service: Service, path: str, **body: Any) -> dict[str, Any]:
    with service.client() as client:
        answer = client.post(path, json=body)
    assert answer.status_code < 300, answer.text
    found: dict[str, Any] = answer.json()
    return found


def row(page: Page, name: str) -> Locator:
    """The row that begins with this name."""
    heading = page.get_by_role("rowheader", name=name, exact=True)
    return page.locator(".op-table tbody tr").filter(has=heading)


def confirm(page: Page, action: str) -> None:
    """Agree to what is asked, and wait until it is done."""
    page.get_by_role("dialog").get_by_role("button", name=action, exact=True).click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_cli_is_moved_to_tmux_and_back(visit: Visit, empty: Service) -> None:
    page = visit.log_in("/operate/fallback")
    expect(page).to_have_title("Fallback · agent-runner")
    expect(row(page, "worker").locator(".mode")).to_have_text("headless")
    row(page, "Claude Code").get_by_role("button", name="Move to tmux").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Runs of Claude Code go to the CLI's own terminal, in tmux.")
    dialog.get_by_label("Why").fill("2.1.330 hangs")
    dialog.get_by_label("For how long").select_option("8 hours")
    dialog.get_by_label("Your name").fill("olivia")
    confirm(page, "Move to tmux")
    expect(row(page, "Claude Code")).to_contain_text("olivia: 2.1.330 hangs")
    expect(row(page, "Claude Code")).to_contain_text(re.compile("for (7 h 59 m|8 h 0 m) more"))
    expect(row(page, "worker").locator(".mode")).to_have_text("tmux")
    newest = page.locator(".op-audit li").first
    expect(newest).to_contain_text("Claude Code → tmux")
    expect(newest).to_contain_text("olivia, from the page: “2.1.330 hangs”")
    (toggle,) = get(empty, "/api/fallback/status")["toggles"]
    assert (toggle["name"], toggle["mode"], toggle["via"]) == ("claude-code", "tmux", "web")
    assert (toggle["setBy"], toggle["reason"]) == ("olivia", "2.1.330 hangs")
    assert 7.9 * 3600 < wire.seconds_between(toggle["since"], toggle["expiresAt"]) <= 8 * 3600

    row(page, "Claude Code").get_by_role("button", name="Back to headless").click()
    expect(page.get_by_role("dialog").get_by_label("Your name")).to_have_value("olivia")
    confirm(page, "Back to headless")
    expect(row(page, "worker").locator(".mode")).to_have_text("headless")
    assert get(empty, "/api/fallback/status")["toggles"] == []


def test_an_agent_is_pinned_and_all_is_taken_back(visit: Visit, empty: Service) -> None:
    page = visit.log_in("/operate/fallback")
    row(page, "worker").get_by_role("button", name="Pin headless").click()
    expect(page.get_by_role("dialog")).to_contain_text("gets no second way")
    confirm(page, "Pin headless")
    expect(row(page, "worker")).to_contain_text("operator: no reason given")
    row(page, "Every CLI").get_by_role("button", name="Move to tmux").click()
    confirm(page, "Move to tmux")
    expect(row(page, "Claude Code").locator(".mode")).to_have_text("tmux")
    expect(row(page, "worker").locator(".mode")).to_have_text("headless")
    toggles = get(empty, "/api/fallback/status")["toggles"]
    assert {(one["scope"], one["mode"]) for one in toggles} == {
        ("agent", "headless"),
        ("global", "tmux"),
    }
    page.get_by_role("button", name="Take all back").click()
    confirm(page, "Take all back")
    expect(row(page, "Claude Code").locator(".mode")).to_have_text("headless")
    assert get(empty, "/api/fallback/status")["toggles"] == []


def test_a_refused_move_says_why(visit: Visit, empty: Service) -> None:
    post(empty, "/api/fallback/agent/force", agentId="worker", mode="tmux", reason="x")
    page = visit.log_in("/operate/fallback")
    row(page, "worker").get_by_role("button", name="Back to headless").click()
    post(empty, "/api/fallback/agent/clear", agentId="worker")
    visit.expect(r"status of 404 \(Not Found\) \(.*/api/fallback/agent/clear")
    page.get_by_role("dialog").get_by_role("button", name="Back to headless").click()
    expect(page.get_by_role("alert")).to_contain_text("no_toggle")


def test_what_moves_elsewhere_shows_at_once(visit: Visit, empty: Service) -> None:
    page = visit.log_in("/operate/fallback")
    expect(row(page, "Claude Code").locator(".mode")).to_have_text("headless")
    expect(page.locator(".live")).to_have_text("live")
    # What is read again every few seconds must not do the stream's work.
    page.clock.install()
    post(
        empty,
        "/api/fallback/cli/disable",
        type="claude-code",
        reason="drift",
        by="ann",
        via="cli",
    )
    page.clock.run_for(1000)
    expect(row(page, "Claude Code").locator(".mode")).to_have_text("tmux")
    expect(page.locator(".op-audit li").first).to_contain_text("ann, by command: “drift”")


def test_older_entries_of_the_audit_come_on_demand(visit: Visit, empty: Service) -> None:
    for number in range(13):
        post(empty, "/api/fallback/cli/disable", type="gemini", reason=f"drill {number}")
        post(empty, "/api/fallback/cli/enable", type="gemini", reason="over")
    page = visit.log_in("/operate/fallback")
    lines = page.locator(".op-audit li")
    expect(lines).to_have_count(20)
    page.get_by_role("button", name="Older ones").click()
    expect(lines.filter(has_text="drill 0")).to_have_count(1)


def test_what_the_service_moved_tells_its_evidence(
    make_service: Callable[..., Service], visiting: Visiting
) -> None:
    service = make_service(
        tmux={}, agent_failures=9, type_failures=9, automatic={"least_runs": 2, "settle_ms": 1}
    )
    service.register("ailing")
    for _ in range(3):
        service.run([{"exit": 1}], "ailing")
    until(lambda: bool(get(service, "/api/fallback/status")["toggles"]), "an automatic toggle")
    page = visiting(service).log_in("/operate/fallback")
    ailing = row(page, "ailing")
    expect(ailing).to_contain_text("by itself")
    ailing.get_by_role("button", name="evidence").click()
    expect(page.get_by_role("dialog")).to_contain_text("Headless is tried next")
    page.keyboard.press("Escape")
    ailing.get_by_role("button", name="Try headless now").click()
    confirm(page, "Try headless now")
    expect(ailing.locator(".mode")).to_have_text("headless")
    assert get(service, "/api/fallback/audit")["entries"][0]["type"] == "toggle.cleared"


def test_an_open_circuit_is_reset(visit: Visit, empty: Service) -> None:
    with empty.client() as client:
        body = {"agentId": "broken", "type": "custom", "command": ["/bin/false"]}
        assert client.post("/agents/register", json=body).status_code == 201
    for _ in range(3):
        empty.run("x", "broken")
    page = visit.log_in("/operate/circuits")
    expect(row(page, "broken")).to_contain_text("open: left alone")
    expect(row(page, "broken")).to_contain_text("cli_error")
    row(page, "broken").get_by_role("button", name="Reset").click()
    expect(page.get_by_role("dialog")).to_contain_text("the next prompt is tried")
    confirm(page, "Reset")
    expect(row(page, "broken")).to_contain_text("closed: runs go through")
    circuits = get(empty, "/agents/circuits/status")["circuits"]
    assert {one["state"] for one in circuits if one["name"] == "broken"} == {"closed"}


def test_health_has_the_clis_and_what_mends_them(visit: Visit, empty: Service) -> None:
    page = visit.log_in("/operate/health")
    found = get(empty, "/api/health/environment")
    for cli in found["clis"]:
        shown = row(page, cli["title"])
        expect(shown).to_contain_text(cli["version"] or cli["login"])
        if cli["fix"] is not None:
            expect(shown.locator("code").filter(has_text=cli["fix"])).to_be_visible()
            expect(shown.get_by_role("button", name="Copy")).to_be_visible()
    assert any(cli["fix"] for cli in found["clis"])
    with page.expect_request(re.compile("environment.fresh=true")):
        page.get_by_role("button", name="Look again").click()
    expect(page.get_by_role("button", name="Look again")).to_be_enabled()
    expect(page.locator(".op")).to_contain_text("The service is well")


def test_the_database_is_checked_and_backed_up(visit: Visit, empty: Service) -> None:
    page = visit.log_in("/operate/health")
    page.get_by_role("button", name="Check…").click()
    expect(page.get_by_role("dialog")).to_contain_text("It changes nothing")
    confirm(page, "Check")
    expect(page.locator(".op")).to_contain_text("Nothing is wrong")
    assert get(empty, "/api/integrity/check")["last"]["ok"]
    page.get_by_role("button", name="Back up…").click()
    confirm(page, "Back up")
    assert get(empty, "/api/integrity/stats")["backups"]["count"] == 1
    expect(page.locator(".op-facts").last).to_contain_text("Backups1,")


def test_shadow_teaches_how_to_begin(visit: Visit) -> None:
    page = visit.log_in("/operate/shadow")
    expect(page.get_by_role("heading", name="Nothing has been compared yet")).to_be_visible()
    expect(page.locator(".op")).to_contain_text("--comm-mode shadow")


def test_shadow_has_criteria_figures_and_both_answers(
    make_service: Callable[..., Service], visiting: Visiting
) -> None:
    service = make_service(shadow={"criteria": {"least_comparisons": 40}})
    service.stop()
    yesterday = wire.later(wire.now(), -86_400)[:10]

    async def fill() -> None:
        async with open_store(service.state_dir / "agent-runner.db") as store:
            await add_agent(store, "seeded")
            asked = history(days=25, per_day=3, mismatches=0.5, last_day=yesterday)
            await seed(store, asked, "seeded")

    with anyio.from_thread.start_blocking_portal() as portal:
        portal.call(fill)
    service.start()
    page = visiting(service).log_in("/operate/shadow")
    report = get(service, "/api/shadow-mode/report", format="json")
    for check in report["criteria"]["checks"]:
        shown = page.locator("tr").filter(has_text=check["text"])
        expect(shown).to_contain_text("met" if check["ok"] else "not met")
        expect(shown).to_contain_text(check["wanted"])
    expect(page.get_by_role("img", name=re.compile("Share of matching answers"))).to_be_visible()
    assert page.locator(".op-days rect").count() == len(report["metrics"]["days"])
    page.get_by_role("button", name=re.compile("^Open: Both sides")).first.click()
    sides = page.locator(".op-answer")
    expect(sides).to_have_count(2)
    expect(sides.first).to_contain_text("tests pass")
    expect(sides.last).to_contain_text("<script>alert(1)</script>")
    page.get_by_label("Show", exact=True).select_option("mismatches, newest first")
    expect(page.get_by_role("button", name="Older ones")).to_be_visible()
    page.get_by_label("Agent", exact=True).select_option("seeded")
    expect(page).to_have_url(re.compile("agent=seeded"))
    page.get_by_label("CLI", exact=True).select_option("Claude Code")
    expect(page.get_by_role("heading", name="Can tmux go?")).to_be_visible()


def test_a_process_is_stopped_and_started(visit: Visit, empty: Service) -> None:
    conversation = empty.run([{"text": "Hello."}]).json()["conversationId"]
    page = visit.log_in("/operate/sessions")
    expect(row(page, "worker")).to_contain_text("ready")
    (process,) = get(empty, "/agents/processes/status")["processes"]
    expect(row(page, str(process["pid"]))).to_contain_text("waits for a prompt")
    row(page, "worker").get_by_role("button", name="Stop…").click()
    expect(page.get_by_role("dialog")).to_contain_text("goes on in the same session")
    confirm(page, "Stop")
    expect(row(page, "worker")).to_contain_text("idle")
    expect(page.locator(".op")).to_contain_text("No CLI runs just now.")
    row(page, "worker").get_by_role("button", name="Start…").click()
    confirm(page, "Start")
    expect(row(page, "worker")).to_contain_text("ready")
    row(page, "worker").get_by_role("button", name="More for worker").click()
    page.get_by_role("menuitem", name="End the conversation…").click()
    confirm(page, "End it")
    state = get(empty, f"/conversations/{conversation}")["conversation"]["state"]
    assert state == "ended"


def begin(service: Service, *script: dict[str, Any]) -> None:
    """Have a run accepted that goes on by itself."""
    headers = {"Accept": "text/event-stream", "Idempotency-Key": uuid4().hex}
    with service.client(**headers) as client:
        body = {"prompt": json.dumps(script)}
        with client.stream("POST", "/agents/worker/execute", json=body) as answer:
            assert answer.status_code == 200


def test_who_holds_an_agent_shows_and_is_stopped(visit: Visit, empty: Service) -> None:
    page = visit.log_in("/operate/sessions")
    expect(row(page, "worker")).to_contain_text("nobody")
    begin(empty, {"text": "Begun."}, {"hang": True})
    expect(row(page, "worker")).to_contain_text("working")
    row(page, "worker").get_by_role("button", name="Stop the run").click()
    confirm(page, "Stop the run")
    expect(row(page, "worker")).to_contain_text("nobody")


def test_approvals_tell_who_decided_and_all_that_was_asked(visit: Visit, empty: Service) -> None:
    begin(empty, {"ask": "Bash", "input": {"command": "rm -r build"}}, {"text": "Gone on."})
    page = visit.log_in("/operate/approvals")
    shown = page.locator(".op-table tbody tr").first
    expect(shown).to_contain_text("waits for you")
    (one,) = get(empty, "/approvals", state="pending")["approvals"]
    post(
        empty,
        f"/approvals/{one['approvalId']}/decide",
        decision="reject",
        message="Not that",
        inputHash=one["inputHash"],
        by="ann",
        via="cli",
    )
    expect(shown).to_contain_text("denied")
    expect(shown).to_contain_text("ann (cli)")
    expect(shown).to_contain_text("the CLI was told")
    page.get_by_role("button", name="Open: All of Bash, worker").click()
    expect(page.get_by_role("group", name="Arguments")).to_contain_text("rm -r build")
    expect(page.locator(".op-whole")).to_contain_text("Not that")
    page.get_by_label("State", exact=True).select_option("allowed")
    expect(page.locator(".op")).to_contain_text("Nothing was asked that fits these filters.")


def test_usage_says_what_is_known_and_what_is_not(visit: Visit, empty: Service) -> None:
    empty.run([{"text": "Hello."}])
    with empty.client() as client:
        body = {"agentId": "plain", "type": "custom", "command": ["/bin/cat"]}
        assert client.post("/agents/register", json=body).status_code == 201
    empty.run("Hello", "plain")
    page = visit.log_in("/operate/usage?by=agent")
    known = {one["key"]: one for one in get(empty, "/usage", by="agent")["sums"]}
    assert known["plain"]["costUsd"] is None
    expect(row(page, "plain")).to_contain_text("unknown")
    expect(row(page, "plain")).not_to_contain_text("$")
    expect(row(page, "worker")).to_contain_text(f"${known['worker']['costUsd']:.4f}")
    expect(page.locator(".op-sentence")).to_contain_text(re.compile("of tokens, .* of a price"))
    page.get_by_label("By", exact=True).select_option("day")
    expect(page.get_by_role("rowheader", name=wire.now()[:10])).to_be_visible()


def test_the_name_is_kept_and_one_logs_out(visit: Visit) -> None:
    page = visit.log_in("/operate/settings")
    page.get_by_label("Your name").fill("olivia")
    page.get_by_role("link", name="Fallback").click()
    row(page, "worker").get_by_role("button", name="Pin headless").click()
    expect(page.get_by_role("dialog").get_by_label("Your name")).to_have_value("olivia")
    page.keyboard.press("Escape")
    page.reload()
    page.get_by_role("navigation", name="Operate").get_by_role("link", name="Settings").click()
    expect(page.get_by_label("Your name")).to_have_value("olivia")
    visit.expect(r"status of 401 \(Unauthorized\)")
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("dialog").get_by_role("button", name="Log out").click()
    expect(page.get_by_text("This browser is not logged in.")).to_be_visible()


_PLACES = ("fallback", "circuits", "sessions", "health", "shadow", "approvals", "usage", "settings")


def test_every_page_fits_a_phone_and_names_itself(visiting: Visiting, empty: Service) -> None:
    empty.run([{"text": "Hello."}])
    page = visiting(viewport={"width": 360, "height": 740}).log_in("/operate/fallback")
    for place in _PLACES:
        page.goto(f"/operate/{place}")
        expect(page.locator(".op h1")).to_be_visible()
        expect(page.locator(".op .hint", has_text="Loading")).to_have_count(0)
        expect(page.locator(".op-tabs [aria-current=page]")).to_have_count(1)
        wide = page.evaluate(
            """() => [...document.querySelectorAll('main *')]
              .filter((one) => one.getBoundingClientRect().right > innerWidth + 1
                && !one.closest('pre, .unseen, thead'))
              .map((one) => one.outerHTML.slice(0, 120))"""
        )
        assert wide == [], place
        low = page.evaluate(
            """() => [...document.querySelectorAll('.op .op-acts button, .op-section button')]
              .filter((one) => one.getBoundingClientRect().height < 44)
              .map((one) => one.outerHTML)"""
        )
        assert low == [], place
        levels = page.evaluate(
            "() => [...document.querySelectorAll('main h1, main h2, main h3')]"
            ".map((one) => Number(one.tagName[1]))"
        )
        assert levels[0] == 1, place
        assert all(after - before <= 1 for before, after in pairwise(levels)), place
