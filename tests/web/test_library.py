"""The parts of the chat in a React app of somebody else, as the runbook has it."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, expect

from tests.conftest import Service
from tests.web.conftest import PATIENCE_MS, left_out, script
from tests.web.shown import say
from tests.web.test_chat import png

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"
_CODE = re.compile(r"^```tsx\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDEX = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Mine</title>
<style>body { font: 20px serif; color: rgb(1, 2, 3) } .dot { width: 77px } #root { height: 90vh }
</style><h1>Mine</h1><i class="dot"></i><div id="root"></div>
<script type="module" src="/main.tsx"></script></html>"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Another site: its origin, and the folder that it serves."""
    folder = tmp_path / "dist"
    folder.mkdir()
    handler = functools.partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()


def built(folder: Path, service: Service) -> None:
    """The runbook's app in the folder `dist` of `folder`."""
    (code,) = _CODE.findall((ROOT / "runbooks" / "page.md").read_text("utf-8"))
    code = code.replace("http://127.0.0.1:8420", service.url).replace("TOKEN", service.token)
    (folder / "main.tsx").write_text(code.replace('"coder"', '"worker"'))
    (folder / "index.html").write_text(_INDEX)
    (folder / "package.json").write_text(json.dumps({"type": "module", "private": True}))
    modules = folder / "node_modules"
    modules.mkdir()
    for name in os.listdir(WEB / "node_modules"):
        (modules / name).symlink_to(WEB / "node_modules" / name)
    (modules / "agent-runner-web").symlink_to(WEB)
    npm = script("npm")
    done = npm.run("run", "build:library")
    assert done.returncode == 0, done.stdout
    node = [str(npm.node()), str(WEB / "node_modules" / "vite" / "bin" / "vite.js"), "build"]
    done = subprocess.run(node, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_four_parts_in_an_app_of_somebody_else(
    browser: Browser,
    make_service: Callable[..., Service],
    elsewhere: tuple[str, Path],
    tmp_path: Path,
) -> None:
    if not (WEB / "node_modules").is_dir():
        left_out("web/node_modules is not there: npm could not be had at set-up")
    origin, _ = elsewhere
    service = make_service(server={"allowed_origins": [origin]})
    service.register()
    built(tmp_path, service)
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    troubles: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and "favicon" not in message.location["url"]:
            troubles.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(origin)
    page.locator("input[type=file]").set_input_files(
        {"name": "shot.png", "mimeType": "image/png", "buffer": png(30, 20)}
    )
    expect(page.locator(".chips .ready")).to_be_visible()
    say(page, "Hello")
    said = page.locator("section.chat-panel .says")
    expect(said).to_have_text("echo: Hello")
    expect(page.locator("aside .says")).to_have_text("echo: Hello")
    image = page.locator("section.chat-panel .thumb img")
    assert image.evaluate("(one) => one.decode().then(() => one.naturalWidth)") == 30
    page.get_by_role("button", name="And its tests?").click()
    expect(said.last).to_have_text("echo: And its tests?")
    expect(page.locator("aside .says").last).to_have_text("echo: And its tests?")
    # The host's own look is its own.
    assert page.locator("h1").evaluate("(one) => getComputedStyle(one).color") == "rgb(1, 2, 3)"
    assert page.locator("body > .dot").evaluate("(one) => getComputedStyle(one).width") != "8px"
    assert said.first.evaluate("(one) => getComputedStyle(one).fontSize") == "14px"
    context.close()
    assert not troubles
