"""The parts of the chat in a React app of somebody else, as the runbook has it."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import tarfile
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
<style>body { font: 20px serif; color: rgb(1, 2, 3) } #root { height: 90vh }
body .agent-runner { color-scheme: light }
</style><h1>Mine</h1><i class="dot"></i><div id="root"></div>
<script type="module" src="/main.tsx"></script></html>"""
_HOSTS = ("react", "react-dom", "scheduler", "csstype", "@types/react", "@types/react-dom")
_NEEDED = ("openapi-fetch", "openapi-typescript-helpers")
"""Of what the library names as its dependencies: it has the rest inside."""
_COMPILER = {
    "strict": True,
    "noEmit": True,
    "jsx": "react-jsx",
    "types": [],
    "module": "esnext",
    "moduleResolution": "bundler",
    "target": "es2023",
    "lib": ["es2023", "dom", "dom.iterable", "dom.asynciterable"],
}
_ASK = """async ([base, token, path]) => {
  const answer = await fetch(base + path, {headers: {Authorization: `Bearer ${token}`}});
  return [answer.status, answer.headers.get('x-log-size'), (await answer.text()).length];
}"""


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
    for name in (*_HOSTS, *_NEEDED):
        (modules / name).parent.mkdir(parents=True, exist_ok=True)
        (modules / name).symlink_to(WEB / "node_modules" / name)
    npm = script("npm")
    for words in (["run", "build:library"], ["pack", "--pack-destination", str(folder)]):
        done = npm.run(*words)
        assert done.returncode == 0, done.stdout
    (packed,) = folder.glob("agent-runner-web-*.tgz")
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    (folder / "package").rename(modules / "agent-runner-web")
    (folder / "css.d.ts").write_text('declare module "*.css";')
    compiled = {"compilerOptions": _COMPILER, "files": ["main.tsx", "css.d.ts"]}
    (folder / "tsconfig.json").write_text(json.dumps(compiled))
    for program, *words in (("typescript/bin/tsc",), ("vite/bin/vite.js", "build")):
        node = [str(npm.node()), str(WEB / "node_modules" / program), *words]
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
    # What an element of the page cannot fetch, its script can.
    run = page.locator("section.chat-panel [data-run]").first.get_attribute("data-run")
    with service.client() as client:
        conversation = client.get(f"/runs/{run}").json()["conversationId"]
        printed = client.get(f"/agents/worker/logs/{run}/stdout").headers["X-Log-Size"]
    path = f"/agents/worker/logs/{run}/stdout?tail=1"
    assert page.evaluate(_ASK, [service.url, service.token, path]) == [200, printed, 1]
    path = f"/conversations/{conversation}/export"
    status, _, length = page.evaluate(_ASK, [service.url, service.token, path])
    assert (status, length > 10) == (200, True)
    # The host's own look is its own.
    assert page.locator("h1").evaluate("(one) => getComputedStyle(one).color") == "rgb(1, 2, 3)"
    dot = page.locator("body > .dot")
    assert dot.evaluate("(one) => getComputedStyle(one).display") == "inline"
    own = page.get_by_role("button", name="And its tests?")
    assert own.evaluate("(one) => getComputedStyle(one).fontSize") == "13.3333px"
    assert said.first.evaluate("(one) => getComputedStyle(one).fontSize") == "14px"
    # A host with a light look alone says so of the parts, whatever the browser prefers.
    page.emulate_media(color_scheme="dark")
    ink = page.locator("aside .says").first.evaluate("(one) => getComputedStyle(one).color")
    assert ink == "rgb(31, 29, 26)"
    context.close()
    assert not troubles
