"""Where prompts are written: no word and no file is lost, and the focus stays."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from tests.conftest import Service
from tests.web.conftest import Visit
from tests.web.shown import conversation_of, say, until_same


@pytest.fixture
def page(empty: Service, visit: Visit) -> Page:
    """The page at the beginning of a conversation with `worker`."""
    del empty
    return visit.log_in("/chat/worker")


def slow(page: Page, ms: int = 800) -> None:
    """Let prompts take their time on the way to the service."""

    def later(route: Route) -> None:
        page.wait_for_timeout(ms)
        route.continue_()

    page.route("**/execute", later)


def focused(page: Page) -> str:
    """The name of what has the focus."""
    name: str = page.evaluate(
        "document.activeElement.ariaLabel ?? document.activeElement.textContent.slice(0, 40)"
    )
    return name


def test_what_is_written_behind_the_first_prompt_stays(page: Page, empty: Service) -> None:
    field = page.get_by_label("Prompt", exact=True)
    slow(page)
    say(page, "The first")
    field.press_sequentially("And then")
    conversation_of(page)
    expect(page.locator(".says")).to_contain_text("echo: The first")
    expect(field).to_have_value("And then")
    page.keyboard.type(" some more")
    page.keyboard.press("Enter")
    expect(page.locator(".says").last).to_contain_text("echo: And then some more")
    until_same(page, empty, conversation_of(page))


def test_two_prompts_in_a_row_are_one_conversation(page: Page, empty: Service) -> None:
    slow(page)
    say(page, "The first")
    say(page, "The second")
    expect(page.locator(".says").last).to_contain_text("echo: The second")
    found = until_same(page, empty, conversation_of(page))
    assert [one["prompt"] for one in found] == ["The first", "The second"]
    with empty.client() as client:
        assert len(client.get("/conversations").json()["conversations"]) == 1


_PASTE = """() => {
  const transfer = new DataTransfer();
  transfer.setData('text/plain', 'a\\tb');
  transfer.items.add(new File(['cells'], 'cells.txt', {type: 'text/plain'}));
  const field = document.querySelector('textarea');
  const about = {clipboardData: transfer, bubbles: true, cancelable: true};
  const event = new ClipboardEvent('paste', about);
  field.dispatchEvent(event);
  return event.defaultPrevented;
}"""


def test_words_that_come_with_a_picture_are_pasted(page: Page) -> None:
    assert page.evaluate(_PASTE) is False
    expect(page.get_by_role("list", name="Files of this prompt")).to_contain_text("cells.txt")


def test_the_focus_is_kept_over_a_dialog_and_a_decision(page: Page) -> None:
    say(page, [{"ask": "Bash", "input": {"command": "ls"}}, {"text": "Gone on."}])
    card = page.locator("section.ask")
    card.focus()
    page.keyboard.press("a")
    expect(page.locator(".says")).to_contain_text("Gone on.")
    assert "Allowed" in focused(page)
    menu = page.get_by_role("button", name="More", exact=True)
    menu.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert focused(page) == "More"


def attach(page: Page, name: str, data: bytes, kind: str = "text/plain") -> None:
    """Choose a file as a person does."""
    page.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": kind, "buffer": data}
    )


def test_files_are_kept_like_the_draft(page: Page) -> None:
    attach(page, "notes.txt", b"notes")
    files = page.get_by_role("list", name="Files of this prompt")
    expect(files.locator(".ready")).to_contain_text("notes.txt")
    page.reload()
    expect(files.locator(".ready")).to_contain_text("notes.txt")
    say(page, "With a file")
    expect(page.locator(".user")).to_contain_text("notes.txt")
    expect(page.locator(".says")).to_contain_text("echo: With a file")
    expect(files).to_have_count(0)
    page.goto("/chat/worker")
    expect(page.get_by_label("Prompt", exact=True)).to_be_visible()
    expect(files).to_have_count(0)


def test_no_prompt_goes_without_a_file_that_was_not_taken(page: Page, visit: Visit) -> None:
    visit.expect("status of 422")
    attach(page, "shot.png", b"no picture", "image/png")
    expect(page.locator(".chips .failed")).to_contain_text("shot.png")
    say(page, "What is wrong here?")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("What is wrong here?")
    page.get_by_role("button", name="Remove shot.png").click()
    page.get_by_label("Prompt", exact=True).press("Enter")
    expect(page.locator(".says")).to_contain_text("echo: What is wrong here?")


_IME = """(field) => {
  const about = {key: 'Enter', keyCode: 229, bubbles: true, cancelable: true};
  field.dispatchEvent(new KeyboardEvent('keydown', about));
}"""


def test_the_enter_that_ends_a_word_sends_nothing(page: Page, empty: Service) -> None:
    field = page.get_by_label("Prompt", exact=True)
    field.fill("Half a wo")
    field.evaluate(_IME)
    expect(field).to_have_value("Half a wo")
    say(page, [{"ask": "Bash", "input": {"command": "ls"}}, {"text": "Gone on."}])
    page.get_by_role("button", name="Deny…").click()
    page.locator(".ask-form textarea").fill("Half a wo")
    page.locator(".ask-form textarea").evaluate(_IME)
    page.wait_for_timeout(200)
    with empty.client() as client:
        assert len(client.get("/approvals", params={"state": "pending"}).json()["approvals"]) == 1
    page.locator(".ask-form textarea").press("Enter")
    expect(page.locator(".asked")).to_contain_text("Half a wo")


def test_words_that_are_too_long_to_be_kept_are_written_and_sent(
    page: Page, empty: Service
) -> None:
    field = page.get_by_label("Prompt", exact=True)
    page.evaluate("localStorage.setItem('full', 'x'.repeat(5_240_000))")
    say(page, "word " * 3000)
    expect(field).to_have_value("")
    expect(page.locator(".says")).to_contain_text("echo: word")
    del empty


def test_a_prompt_on_its_way_leads_to_its_conversation_also_after_a_reload(
    page: Page, visit: Visit
) -> None:
    visit.expect("ERR_FAILED")
    page.route("**/execute", lambda route: route.abort())
    say(page, "Kept")
    expect(page.locator("[data-pending]")).to_contain_text("waiting for the service")
    page.unroute("**/execute")
    slow(page)
    page.reload()
    expect(page.locator("[data-pending]")).to_be_visible()
    conversation_of(page)
    expect(page.locator(".says")).to_contain_text("echo: Kept")


def test_what_was_seen_of_one_conversation_is_not_seen_of_another(
    page: Page, empty: Service
) -> None:
    long = empty.run("one").json()["conversationId"]
    for number in range(3):
        empty.run(f"more {number}", conversationId=long)
    short = empty.run("two", newConversation=True).json()["conversationId"]
    page.goto(f"/chat/worker/{long}")
    page.wait_for_function(
        "(id) => JSON.parse(localStorage['agent-runner.seen'] ?? '{}')[id] === 8", arg=long
    )
    page.locator(f".side a[href$='{short}']").click()
    expect(page.locator(".says")).to_contain_text("echo: two")
    seen = page.evaluate("JSON.parse(localStorage['agent-runner.seen'])")
    assert seen[short] == 2
