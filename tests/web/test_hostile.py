"""What an agent writes is text, whatever it is: nothing of it runs, loads or leads away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Service
from tests.web.conftest import Visit
from tests.web.shown import say

CORPUS: list[str] = json.loads(
    (Path(__file__).parents[2] / "web" / "test" / "xss.json").read_text("utf-8")
)

_FAULTS = """() => {
  const names = 'script,iframe,object,embed,base,link[rel=stylesheet],meta[http-equiv],'
    + 'form[action],math,svg,video,audio,source,template,portal,style,frame,frameset,marquee';
  const found = [...document.querySelectorAll('#root ' + names.split(',').join(', #root '))]
    .map((one) => one.outerHTML);
  for (const one of document.querySelectorAll('#root *')) {
    for (const { name, value } of one.attributes) {
      const text = value.replace(/[\\u0000-\\u0020]/g, '').toLowerCase();
      const leads = ['href', 'src', 'action', 'formaction', 'srcset', 'poster', 'data', 'ping'];
      if (name.startsWith('on') || name === 'srcdoc') found.push(`${name}=${value}`);
      if (leads.includes(name) && !/^(\\/|https?:|mailto:|blob:|#)/.test(text)) {
        found.push(`${name}=${value}`);
      }
      if (name === 'src' && !text.startsWith('/attachments/') && !text.startsWith('blob:')) {
        found.push(`${name}=${value}`);
      }
    }
  }
  return found;
}"""


@pytest.fixture
def page(empty: Service, visit: Visit) -> Page:
    """A page that notes every dialog: `alert` is what most of the corpus calls."""
    del empty
    page = visit.log_in("/chat/worker")
    page.on("dialog", lambda dialog: visit.troubles.append(f"dialog: {dialog.message}"))
    return page


def settled(page: Page) -> None:
    expect(page.locator("[data-state=running]")).to_have_count(0)
    opened = "(all) => all.forEach((one) => { one.open = true; })"
    for _ in range(3):  # what opens may have more in it
        page.locator("details:not([open])").evaluate_all(opened)
        page.wait_for_timeout(150)
    assert page.evaluate(_FAULTS) == []


def parts(size: int) -> list[list[str]]:
    return [CORPUS[at : at + size] for at in range(0, len(CORPUS), size)]


def test_there_is_enough_of_it() -> None:
    assert len(CORPUS) >= 100


@pytest.mark.parametrize("texts", parts(50), ids=lambda texts: str(len(texts)))
def test_in_what_an_agent_says_and_does(page: Page, empty: Service, texts: list[str]) -> None:
    script: list[dict[str, Any]] = []
    for text in texts:
        script.append({"text": text, "deltas": 3})
        script.append({"tool": text[:60] or "x", "input": {text[:40]: text}, "output": text})
    for name in ("Edit", "TodoWrite"):
        edit = {"file_path": texts[0], "old_string": texts[1], "new_string": texts[2]}
        todos = {"todos": [{"content": text, "status": "pending"} for text in texts]}
        script.append({"tool": name, "input": edit if name == "Edit" else todos, "output": "ok"})
    answer = empty.run(script).json()
    assert answer["status"] == "succeeded", answer
    page.goto(f"/chat/worker/{answer['conversationId']}")
    expect(page.locator(".says").first).to_be_attached()
    settled(page)


def test_in_what_fails_and_is_not_understood(page: Page, empty: Service) -> None:
    for text in CORPUS[::9]:
        line = {"type": text[:30], "raw": text}
        script: list[dict[str, Any]] = [
            {"line": json.dumps(line)},
            {"line": text},
            {"error": text, "status": 400},
        ]
        answer = empty.run(script).json()
    conversation = (answer.get("run") or answer)["conversationId"]
    page.goto(f"/chat/worker/{conversation}")
    expect(page.locator(".ending").last).to_be_visible()
    settled(page)
    page.locator(".run-panel").get_by_role("button", name="Raw lines").click()
    expect(page.locator("pre.raw")).to_be_visible()
    assert page.evaluate(_FAULTS) == []


def test_in_what_it_asks(page: Page, empty: Service) -> None:
    for text in CORPUS[::20]:
        say(page, [{"ask": text[:60] or "x", "input": {"command": text, text[:30]: [text]}}])
        expect(page.locator("section.ask")).to_be_visible()
        assert page.evaluate(_FAULTS) == []
        page.goto("/inbox")
        expect(page.locator("section.ask")).to_be_visible()
        assert page.evaluate(_FAULTS) == []
        page.locator("section.ask").focus()
        page.keyboard.press("d")
        page.get_by_role("button", name="Deny", exact=True).click()
        expect(page.locator("section.ask")).to_have_count(0)
        page.goto("/chat/worker")


def test_in_names_titles_and_files(page: Page, empty: Service) -> None:
    for number, text in enumerate(CORPUS[::12]):
        with empty.client() as client:
            about = {"name": text[:200] or "x", "description": text, "metadata": {"x": text}}
            body = {"agentId": f"a{number}", "type": "claude-code", "cwd": str(empty.cwd)}
            answer = client.post("/agents/register", json={**body, **about})
            assert answer.status_code == 201, answer.text
            file = {"data": "eA==", "name": text.replace("/", "_")[:100] or "x"}
            ran = client.post(
                f"/agents/a{number}/execute", json={"prompt": text or "x", "attachments": [file]}
            ).json()
        if number % 4 == 0:
            page.goto(f"/chat/a{number}/{ran['conversationId']}")
            expect(page.locator(".user")).to_be_visible()
            settled(page)
    page.goto("/find?q=alert")
    expect(page.locator(".hits li").first).to_be_visible()
    assert page.evaluate(_FAULTS) == []
