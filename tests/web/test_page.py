"""The page in a browser: it loads, logs in by its link, and does nothing that it must not."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.conftest import Service
from tests.web.conftest import Visit, Visiting
from tests.web.shown import say


def test_it_loads_under_its_policy(visit: Visit) -> None:
    page = visit.come_as_a_stranger()
    answer = page.reload()
    assert answer is not None
    assert answer.status == 200
    assert "trusted-types 'none'" in answer.headers["content-security-policy"]
    page.wait_for_load_state("networkidle")
    visit.check()
    # The policy holds: what a script would let in is kept out, and noted.
    for broken in (
        "document.body.innerHTML = '<p>x</p>'",
        "new Image().src = 'http://127.0.0.1:1/x.png'",
        "fetch('http://127.0.0.1:1/').catch(() => null)",
        "setTimeout(() => { throw new Error('uncaught') })",
        "document.head.appendChild(document.createElement('style')).textContent = 'a {}'",
    ):
        page.evaluate(f"() => {{ try {{ {broken} }} catch {{}} }}")
        page.wait_for_timeout(300)
        with pytest.raises(AssertionError):
            visit.check()


def test_a_link_on_another_site_leads_to_it(visiting: Visiting) -> None:
    visit = visiting()
    visit.expect("^elsewhere: GET http://other.example/$")
    visit.expect(r"status of 401 \(Unauthorized\)")
    link = f"<a id=go href='{visit.service.url}/chat/worker'>go</a>"
    visit.context.route(
        "http://other.example/", lambda route: route.fulfill(body=link, content_type="text/html")
    )
    visit.page.goto("http://other.example/")
    visit.page.click("#go")
    visit.page.wait_for_selector("#root > *")
    assert visit.page.url == f"{visit.service.url}/chat/worker"


def test_the_link_logs_in_once_and_for_all(visit: Visit) -> None:
    page = visit.log_in("/chat")
    assert page.url == f"{visit.service.url}/chat"
    assert visit.service.token not in page.evaluate("JSON.stringify(history.state)")
    (cookie,) = visit.context.cookies()
    assert cookie["name"] == "agent_runner_session"
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert visit.service.token not in cookie["value"]
    assert "agent_runner_session" not in page.evaluate("document.cookie")
    visit.check()
    page.reload()
    again = visit.context.new_page()
    again.goto("/inbox")
    for one in (page, again):
        one.wait_for_load_state("domcontentloaded")
        assert one.evaluate("fetch('/agents').then((answer) => answer.status)") == 200
        assert not one.query_selector_all(".login")
    assert len(visit.context.cookies()) == 1


def test_a_wrong_link_logs_nobody_in(visit: Visit) -> None:
    visit.expect(r"status of 401 \(Unauthorized\)")
    visit.page.goto("/#token=wrong")
    visit.page.wait_for_selector(".login")
    assert "token" not in visit.page.url
    assert visit.context.cookies() == []


def test_a_service_without_agents_says_what_to_do(visit: Visit, live: Service) -> None:
    live.clear()
    page = visit.log_in("/")
    expect(page.get_by_role("heading", name="No agent yet")).to_be_visible()


_INSECURE = """
delete Crypto.prototype.randomUUID;
delete Navigator.prototype.locks;
delete Navigator.prototype.clipboard;
"""


def test_it_works_over_a_network_without_tls(visit: Visit, empty: Service) -> None:
    del empty
    visit.context.add_init_script(_INSECURE)
    page = visit.log_in("/chat/worker")
    say(page, "Hello")
    expect(page.locator(".says")).to_contain_text("echo: Hello")
    page.locator("article.agent").get_by_role("button", name="Copy", exact=True).click()
    expect(page.locator("article.agent")).to_contain_text("Not copied")
