"""The chat in a browser, against the service and the scripted CLI."""

from __future__ import annotations

import hashlib
import json
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Service
from tests.web.conftest import Visit, Visiting
from tests.web.shown import conversation_of, say, stored, until, until_same


@pytest.fixture
def page(empty: Service, visit: Visit) -> Page:
    """The page at the beginning of a conversation with `worker`."""
    del empty
    return visit.log_in("/chat/worker")


def test_a_first_visit_leads_to_a_first_answer(empty: Service, visit: Visit) -> None:
    recording = "claude-code/2.1.332/warm-demo"
    empty.register("demo", type="replay", transcript=recording)
    page = visit.log_in("/chat/demo")
    expect(page.get_by_role("heading", name="demo").last).to_be_visible()
    say(page, "Hello")
    expect(page.locator(".says").last).to_contain_text("The folder holds")
    conversation = conversation_of(page)
    until_same(page, empty, conversation)
    expect(page).to_have_title(re.compile("demo · Hello"))
    page.reload()
    until_same(page, empty, conversation)


def test_words_and_deeds_are_shown_as_they_come(page: Page, empty: Service, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    script = [
        {"text": "I look.", "deltas": 3},
        {"tool": "Bash", "input": {"command": "ls -l"}, "output": "a.txt"},
        {"streamed": ["It is ", "being written"], "then_wait": str(gate)},
    ]
    say(page, script)
    expect(page.locator(".says").last).to_have_text(re.compile("It is being written"))
    expect(page.locator(".chat-head .state")).to_contain_text("working")
    expect(page.get_by_role("button", name=re.compile("^Stop"))).to_be_visible()
    row = page.locator(".tool-row")
    expect(row).to_contain_text("ls -l")
    row.locator("summary").click()
    expect(row.get_by_role("group", name="Text")).to_have_text("a.txt")
    gate.touch()
    conversation = conversation_of(page)
    until(lambda: stored(empty, conversation)[0].get("state") == "succeeded")
    until_same(page, empty, conversation)
    expect(page.locator("aside")).to_contain_text("done")
    expect(page.locator("aside dl")).to_contain_text("$0.0010")


def test_markdown_is_drawn(page: Page) -> None:
    text = "# Title\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nx = 1\n```\n\n$a_1*b*c$\n"
    say(page, [{"text": text}])
    says = page.locator(".says")
    expect(says.get_by_role("heading", name="Title")).to_be_visible()
    expect(says.get_by_role("cell", name="2")).to_be_visible()
    expect(says.locator("pre code")).to_contain_text("x = 1")
    expect(says.locator("[class*=hljs]").first).to_be_visible()
    expect(says).to_contain_text("$a_1*b*c$")


def ask(page: Page, **more: Any) -> None:
    script = [
        {"ask": "Bash", "input": {"command": "rm -r build", "timeout": 5}, **more},
        {"text": "Gone on."},
    ]
    say(page, script)
    expect(page.locator("section.ask")).to_be_visible()


def decided(service: Service) -> dict[str, Any]:
    with service.client() as client:
        until(lambda: not client.get("/approvals", params={"state": "pending"}).json()["approvals"])
        found: dict[str, Any] = client.get("/approvals").json()["approvals"][0]
    return found


def test_a_question_is_allowed_by_mouse(page: Page, empty: Service) -> None:
    ask(page)
    expect(page).to_have_title(re.compile(r"^\(1\) "))
    expect(page.locator(".side .inbox")).to_contain_text("1")
    expect(page.locator("section.ask")).to_contain_text("rm -r build")
    page.get_by_role("button", name=re.compile("^Allow once")).click()
    expect(page.locator(".says")).to_have_text(re.compile("Gone on."))
    one = decided(empty)
    assert (one["state"], one["decidedVia"], one["decision"]["scope"]) == (
        "approved",
        "web",
        "once",
    )
    expect(page.locator(".asked")).to_contain_text("Allowed")
    expect(page).not_to_have_title(re.compile(r"^\(1\)"))


def test_a_question_is_allowed_by_key_for_the_session(page: Page, empty: Service) -> None:
    ask(page)
    page.locator("section.ask").focus()
    page.keyboard.press("s")
    expect(page.locator(".says")).to_have_text(re.compile("Gone on."))
    assert decided(empty)["decision"]["scope"] == "session"


def test_a_question_is_denied_with_a_message(page: Page, empty: Service) -> None:
    ask(page)
    page.locator("section.ask").focus()
    page.keyboard.press("d")
    page.keyboard.type("Not that folder")
    page.keyboard.press("Enter")
    one = decided(empty)
    assert (one["state"], one["reason"]) == ("rejected", "Not that folder")
    expect(page.locator(".asked")).to_contain_text("Not that folder")


def test_what_a_tool_runs_with_is_changed(page: Page, empty: Service, tmp_path: Path) -> None:
    log = tmp_path / "ran"
    ask(page, log=str(log))
    page.locator("section.ask").focus()
    page.keyboard.press("e")
    page.get_by_label("command").fill("rm -r build/cache")
    page.get_by_label("timeout (JSON)").fill("{")
    expect(page.get_by_role("button", name="Allow with this input")).to_be_disabled()
    page.get_by_label("timeout (JSON)").fill("7")
    page.get_by_role("button", name="Allow with this input").click()
    expect(page.locator(".says")).to_have_text(re.compile("Gone on."))
    assert decided(empty)["decision"]["updatedInput"] == {
        "command": "rm -r build/cache",
        "timeout": 7,
    }
    assert json.loads(log.read_text())["command"] == "rm -r build/cache"


def test_a_decision_from_elsewhere_shows_by_whom(page: Page, empty: Service) -> None:
    ask(page)
    with empty.client() as client:
        (one,) = client.get("/approvals", params={"state": "pending"}).json()["approvals"]
        body = {"decision": "approve", "inputHash": one["inputHash"], "by": "ann", "via": "cli"}
        client.post(f"/approvals/{one['approvalId']}/decide", json=body)
    expect(page.locator(".asked")).to_contain_text("by ann (cli)")


def test_the_inbox_has_what_waits_and_leads_to_it(page: Page, empty: Service) -> None:
    ask(page)
    conversation = conversation_of(page)
    page.get_by_role("link", name=re.compile("Waiting for you")).click()
    page.wait_for_url("**/inbox")
    page.get_by_role("link", name=re.compile("open the conversation")).click()
    assert conversation_of(page) == conversation
    page.get_by_role("button", name=re.compile("^Allow once")).click()
    assert decided(empty)["state"] == "approved"


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(b"\0" + bytes(3 * width) for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in chunks)


def test_an_image_is_pasted(page: Page) -> None:
    data = png(40, 30)
    page.get_by_label("Prompt", exact=True).fill(json.dumps([{"images": True}]))
    page.evaluate(
        """(bytes) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(bytes)], 'shot.png', {type: 'image/png'}));
          const field = document.querySelector('textarea');
          const about = {clipboardData: transfer, bubbles: true};
          field.dispatchEvent(new ClipboardEvent('paste', about));
        }""",
        list(data),
    )
    expect(page.get_by_role("list", name="Files of this prompt")).to_contain_text("shot.png")
    expect(page.locator(".chips .ready")).to_be_visible()
    page.get_by_label("Prompt", exact=True).press("Enter")
    expect(page.locator(".says")).to_contain_text(hashlib.sha256(data).hexdigest())
    image = page.locator(".user .thumb img")
    expect(image).to_be_visible()
    assert image.evaluate("(one) => one.decode().then(() => one.naturalWidth)") == 40


def test_a_prompt_is_queued_and_a_run_is_stopped(page: Page, empty: Service) -> None:
    say(page, [{"text": "Begun."}, {"hang": True}])
    expect(page.locator(".says")).to_contain_text("Begun.")
    say(page, [{"text": "The second."}])
    expect(page.locator(".user").last).to_contain_text("queued")
    page.keyboard.press("Escape")
    expect(page.locator(".ending")).to_contain_text("Stopped")
    expect(page.locator(".says").last).to_contain_text("The second.")
    until_same(page, empty, conversation_of(page))


def test_a_queued_prompt_is_taken_back_and_written_anew(page: Page, empty: Service) -> None:
    say(page, [{"text": "Begun."}, {"hang": True}])
    expect(page.locator(".says")).to_contain_text("Begun.")
    say(page, "A slip of the pen")
    page.get_by_role("button", name="Take back").click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("A slip of the pen")
    expect(page.locator(".user")).to_have_count(2)
    assert empty.queued("worker") == []
    page.get_by_role("button", name=re.compile("^Stop")).click()
    until_same(page, empty, conversation_of(page))


def test_a_failure_says_why_and_is_sent_again(page: Page, empty: Service) -> None:
    say(page, [{"error": "Overloaded: later", "status": 529}])
    ending = page.locator(".ending")
    expect(ending).to_contain_text("Overloaded: later")
    expect(ending).to_contain_text("overloaded")
    ending.get_by_role("button", name="Send it again").click()
    expect(page.locator(".ending")).to_have_count(2)
    until_same(page, empty, conversation_of(page))


def test_what_is_refused_is_said_and_kept(visiting: Visiting, empty: Service) -> None:
    visit = visiting()
    visit.expect("status of 422")
    page = visit.log_in("/chat/worker")
    say(page, "Hello")
    expect(page.locator(".says")).to_contain_text("echo: Hello")
    page.get_by_role("button", name="For this prompt").click()
    page.get_by_label("Permissions").evaluate(
        "(one) => one.append(Object.assign(document.createElement('option'), {value: 'odd'}))"
    )
    page.get_by_label("Permissions").select_option("odd")
    say(page, "Hello again")
    expect(page.locator(".failure")).to_contain_text("permission")
    page.get_by_role("button", name="Edit").click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("Hello again")
    page.get_by_label("Permissions").select_option("")
    page.get_by_label("Prompt", exact=True).press("Enter")
    expect(page.locator(".says").last).to_contain_text("echo: Hello again")


def test_drafts_and_earlier_prompts_are_there_again(page: Page) -> None:
    say(page, "The first")
    expect(page.locator(".says")).to_contain_text("echo: The first")
    field = page.get_by_label("Prompt", exact=True)
    field.press("ArrowUp")
    expect(field).to_have_value("The first")
    field.press("ArrowDown")
    field.fill("A draft")
    page.reload()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("A draft")


def test_older_turns_come_on_scroll_and_a_link_leads_to_a_turn(
    visit: Visit, empty: Service
) -> None:
    for number in range(60):
        empty.run(f"prompt {number}")
    page = visit.log_in("/chat/worker")
    with empty.client() as client:
        (one,) = client.get("/conversations").json()["conversations"]
        path = f"/conversations/{one['conversationId']}"
        first = client.get(path, params={"limit": 4}).json()["turns"][3]
    page.goto(f"/chat/worker/{one['conversationId']}")
    expect(page.locator(".says").last).to_contain_text("echo: prompt 59")
    assert "prompt 30" not in page.locator(".log").inner_text()
    log = page.locator(".log")
    log.hover()
    for _ in range(60):
        page.mouse.wheel(0, -2500)
        page.wait_for_timeout(40)
        if "prompt 0" in log.inner_text().split("\n"):
            break
    expect(log).to_contain_text("echo: prompt 0")
    page.get_by_role("button", name=re.compile("Jump to latest")).click()
    expect(page.locator(".says").last).to_contain_text("echo: prompt 59")
    page.goto(f"/chat/worker/{one['conversationId']}?turn={first['turnId']}")
    expect(page.locator(f"[data-turn='{first['turnId']}']")).to_be_in_viewport()


def test_search_leads_to_the_turn(page: Page) -> None:
    say(page, "Where is the unicorn?")
    expect(page.locator(".says")).to_contain_text("unicorn")
    page.locator(".log").click()
    page.keyboard.press("/")
    page.keyboard.type("unicorn")
    page.keyboard.press("Enter")
    page.wait_for_url("**/find?q=unicorn")
    expect(page.locator("mark").first).to_have_text("unicorn")
    page.locator(".hits a").last.click()
    page.wait_for_url("**?turn=*")
    expect(page.locator(".user")).to_be_in_viewport()


def test_a_conversation_is_renamed_archived_forked_and_deleted(page: Page, empty: Service) -> None:
    say(page, "Hello")
    conversation = conversation_of(page)
    menu = page.get_by_role("button", name="More", exact=True)
    menu.press("Enter")
    page.get_by_role("menuitem", name="Rename…").click()
    page.get_by_label("Title").fill("A better name")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="A better name")).to_be_visible()
    expect(page.locator(".side .conv")).to_contain_text("A better name")
    menu.click()
    page.get_by_role("menuitem", name="Archive").click()
    expect(page.locator(".side .conv")).to_have_count(0)
    page.get_by_role("button", name="Archive", exact=True).click()
    expect(page.locator(".side .conv")).to_contain_text("A better name")
    menu.click()
    page.get_by_role("menuitem", name="Delete conversation…").click()
    expect(page.get_by_role("dialog")).to_contain_text("cannot be had back")
    page.get_by_role("button", name="Delete").click()
    page.wait_for_url("**/chat/worker")
    with empty.client() as client:
        assert client.get(f"/conversations/{conversation}").status_code == 404


def test_a_new_agent_is_made_of_what_the_doctor_found(page: Page, empty: Service) -> None:
    page.get_by_role("button", name="New agent").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Claude Code")
    dialog.get_by_role("radio", name=re.compile("Gemini")).check()
    dialog.get_by_label("Name").fill("critic")
    dialog.get_by_label("Folder").fill(str(empty.cwd))
    dialog.get_by_role("button", name="Make it").click()
    page.wait_for_url("**/chat/critic")
    expect(page.locator(".side")).to_contain_text("critic")
    say(page, "Hello")
    expect(page.locator(".says")).to_contain_text("echo: Hello")


def test_it_is_usable_at_the_width_of_a_phone(visiting: Visiting, empty: Service) -> None:
    del empty
    visit = visiting(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page = visit.log_in("/")
    page.get_by_role("link", name=re.compile("^worker")).first.tap()
    ask(page)
    button = page.get_by_role("button", name=re.compile("^Allow once"))
    box = button.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    for place in ("/", page.url, "/inbox", "/find?q=x", "/operate/fallback"):
        page.goto(place)
        expect(page.locator("h1:visible, .side:visible").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, place
    page.go_back()
    page.goto("/inbox")
    page.get_by_role("button", name=re.compile("^Allow once")).tap()
    page.get_by_role("link", name=re.compile("open the conversation")).tap()
    expect(page.locator(".says")).to_contain_text("Gone on.")
    page.get_by_role("button", name="Run", exact=True).tap()
    expect(page.get_by_role("dialog", name="Run")).to_contain_text("Tokens")
    page.get_by_role("button", name="Close").tap()
    page.get_by_role("button", name="All conversations").tap()
    expect(page.locator(".side .conv")).to_be_visible()


def test_commands_of_the_cli_are_offered(page: Page) -> None:
    say(page, "Hello")
    expect(page.locator(".says")).to_contain_text("echo: Hello")
    field = page.get_by_label("Prompt", exact=True)
    field.fill("/co")
    commands = page.get_by_role("listbox", name="Commands of the CLI")
    expect(commands.get_by_role("option")).to_have_text(["/compact", "/context"])
    field.press("ArrowDown")
    field.press("Enter")
    expect(field).to_have_value("/context ")
    expect(commands).to_have_count(0)


def test_the_process_is_started_when_somebody_begins_to_type(page: Page, empty: Service) -> None:
    say(page, "Hello")
    expect(page.locator(".says")).to_contain_text("echo: Hello")
    with empty.client() as client:
        client.post("/agents/worker/stop", json={})
        until(lambda: not client.get("/agents/worker").json()["warm"])
        page.reload()
        page.get_by_label("Prompt", exact=True).press_sequentially("He")
        until(lambda: bool(client.get("/agents/worker").json()["warm"]), "a warm process")


_NOTED = """(() => {
  window.noted = [];
  window.Notification = class {
    static permission = 'default';
    static requestPermission = async () => (this.permission = 'granted');
    constructor(title, about) { window.noted.push([title, about.body]); }
    close() {}
  };
  Object.defineProperty(document, 'visibilityState', {get: () => window.seen ?? 'visible'});
})()"""


def test_it_tells_what_waits_and_ends_if_it_was_asked_to(visit: Visit, empty: Service) -> None:
    visit.context.add_init_script(_NOTED)
    page = visit.log_in("/chat/worker")
    page.evaluate("window.seen = 'hidden'")
    ask(page)
    assert page.evaluate("window.noted") == []
    page.get_by_role("button", name=re.compile("^Allow once")).click()
    expect(page.locator(".says")).to_contain_text("Gone on.")
    conversation = page.url
    page.goto("/operate/settings")
    page.get_by_role("checkbox", name=re.compile("^Tell me")).click()
    expect(page.get_by_role("checkbox", name=re.compile("^Tell me"))).to_be_checked()
    page.evaluate(f"history.pushState(null, '', {json.dumps(conversation)})")
    page.evaluate("window.seen = 'hidden'")
    expect(page.get_by_label("Prompt", exact=True)).to_be_visible()
    ask(page)
    page.wait_for_function("() => window.noted.length === 1")
    assert page.evaluate("window.noted")[0][0] == "worker wants to use Bash"
    page.get_by_role("button", name=re.compile("^Allow once")).click()
    page.wait_for_function("() => window.noted.length === 2")
    assert page.evaluate("window.noted")[1] == ["worker", "The answer is complete"]
    del empty
