"""Files of a prompt: as an image where the CLI takes one, else by their path in the text."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from agent_runner.agents.attachments import Attachment, images_apart, mentioned
from agent_runner.agents.base import Form
from tests.agents.sessions import Driver

PNG = b"\x89PNG\r\n\x1a\nrest"
IMAGE = Attachment(name="shot.png", media_type="image/png", path="/files/a", data=PNG)
PAPER = Attachment(name="a b.pdf", media_type="application/pdf", path="/files/b")


def sent(type_: str, form: Form, **options: Any) -> str:
    driver = Driver(type_, form, **options)
    return str(driver.session.prompt("look", [IMAGE, PAPER]).decode())


def test_files_are_mentioned_behind_the_prompt() -> None:
    assert mentioned("look", []) == "look"
    assert mentioned("look", [IMAGE, PAPER]) == (
        "look\n\nAttached files:\n- /files/a (image/png, shot.png)"
        "\n- /files/b (application/pdf, a b.pdf)"
    )


def test_images_go_apart_from_other_files() -> None:
    words, images = images_apart("look", [IMAGE, PAPER])
    assert images == [(IMAGE, PNG)]
    assert words == mentioned("look", [PAPER])


@pytest.mark.parametrize("form", [Form.ONE_SHOT, Form.WARM])
def test_claude_gets_an_image_as_a_block_before_the_text(form: Form) -> None:
    line = sent("claude-code", form)
    assert b64encode(PNG).decode() in line
    assert line.index('"image"') < line.index('"text":"look')
    assert "/files/b" in line
    assert "/files/a" not in line


def test_droid_gets_an_image_with_its_message() -> None:
    driver = Driver("factory-droid", Form.WARM)
    driver.session.prompt("look", [IMAGE, PAPER])
    opened = {"sessionId": "s-1", "settings": {}}
    driver.take({"jsonrpc": "2.0", "type": "response", "id": "1", "result": opened})
    params = driver.sent[-1]["params"]
    data = b64encode(PNG).decode()
    assert params["images"] == [{"type": "base64", "data": data, "mediaType": "image/png"}]
    assert params["text"] == mentioned("look", [PAPER])


@pytest.mark.parametrize(
    ("type_", "form"),
    [
        ("gemini", Form.ONE_SHOT),
        ("factory-droid", Form.ONE_SHOT),
        ("claude-code", Form.TERMINAL),
        ("gemini", Form.TERMINAL),
        ("factory-droid", Form.TERMINAL),
    ],
)
def test_others_are_told_where_all_files_lie(type_: str, form: Form) -> None:
    line = sent(type_, form)
    assert "/files/a" in line
    assert "/files/b" in line
    assert b64encode(PNG).decode() not in line


def over_acp(type_: str, *, images: bool, **options: Any) -> list[dict[str, Any]]:
    """The blocks of a prompt to an agent that says whether it takes images."""
    driver = Driver(type_, Form.WARM, **options)
    driver.session.prompt("look", [IMAGE, PAPER])
    capabilities = {"promptCapabilities": {"image": images}}
    driver.take({"jsonrpc": "2.0", "id": 1, "result": {"agentCapabilities": capabilities}})
    driver.take({"jsonrpc": "2.0", "id": 2, "result": {"sessionId": "s-1"}})
    blocks: list[dict[str, Any]] = driver.sent[-1]["params"]["prompt"]
    return blocks


@pytest.mark.parametrize(("type_", "options"), [("gemini", {}), ("acp", {"command": ["agent"]})])
def test_an_acp_agent_gets_an_image_if_it_takes_them(type_: str, options: dict[str, Any]) -> None:
    words, image = over_acp(type_, images=True, **options)
    assert words == {"type": "text", "text": mentioned("look", [PAPER])}
    assert image == {"type": "image", "mimeType": "image/png", "data": b64encode(PNG).decode()}
    (words,) = over_acp(type_, images=False, **options)
    assert words == {"type": "text", "text": mentioned("look", [IMAGE, PAPER])}
