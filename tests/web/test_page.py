"""The page in a browser: it loads, logs in by its link, and does nothing that it must not."""

from __future__ import annotations

import pytest

from tests.web.conftest import Visit, Visiting


def test_it_loads_under_its_policy(visit: Visit) -> None:
    answer = visit.page.goto("/")
    assert answer is not None
    assert answer.status == 200
    assert "trusted-types 'none'" in answer.headers["content-security-policy"]
    visit.page.wait_for_selector("#root > *")
    # The policy holds: what a script would let in is kept out, and noted.
    visit.page.evaluate("document.body.append(document.createElement('p'))")
    visit.check()
    for broken in (
        "document.body.innerHTML = '<p>x</p>'",
        "new Image().src = 'http://127.0.0.1:1/x.png'",
        "fetch('http://127.0.0.1:1/').catch(() => null)",
        "setTimeout(() => { throw new Error('uncaught') })",
        "document.head.appendChild(document.createElement('style')).textContent = 'a {}'",
    ):
        visit.page.evaluate(f"() => {{ try {{ {broken} }} catch {{}} }}")
        visit.page.wait_for_timeout(300)
        with pytest.raises(AssertionError):
            visit.check()


def test_a_link_on_another_site_leads_to_it(visiting: Visiting) -> None:
    visit = visiting()
    visit.expect("^elsewhere: GET http://other.example/$")
    link = f"<a id=go href='{visit.service.url}/chat/worker'>go</a>"
    visit.context.route(
        "http://other.example/", lambda route: route.fulfill(body=link, content_type="text/html")
    )
    visit.page.goto("http://other.example/")
    visit.page.click("#go")
    visit.page.wait_for_selector("#root > *")
    assert visit.page.url == f"{visit.service.url}/chat/worker"


@pytest.mark.skip(reason="web/src has no log-in")
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
    assert page.evaluate("fetch('/session').then((answer) => answer.status)") == 200
    again = visit.context.new_page()
    again.goto("/inbox")
    assert again.evaluate("fetch('/agents').then((answer) => answer.status)") == 200
