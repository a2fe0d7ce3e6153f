"""What the page's tests stand on: a browser, the page as it is built, and a recorder of trouble.

Playwright's own event loop runs in the thread of the test: no test beside these may need another
one, so all of them are plain functions, and the browser is that of one module.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from agent_runner.cli.page_link import page_link
from tests.conftest import Service

CI = Path(__file__).parents[2] / ".ci"
PATIENCE_MS = 15_000
"""For what a test waits for: the machine may be busy."""

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--no-first-run", "--no-default-browser-check"),
)


def script(name: str) -> ModuleType:
    """A script of `.ci` as a module of its own, with another of what it imports from there."""
    spec = spec_from_file_location(f"ci_{name}", CI / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(CI), *sys.path])
        for imported in ("npm", "page"):
            patch.delitem(sys.modules, imported, raising=False)
        spec.loader.exec_module(module)
        for imported in ("npm", "page"):
            sys.modules.pop(imported, None)
    return module


def left_out(reason: str) -> NoReturn:
    """A skip; a failure where CI says that nothing may be left out."""
    if os.environ.get("WEB_TESTS") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's program."""
    for name in PROGRAMS:
        if found := shutil.which(name):
            return found
    pytest.skip(f"no browser: none of {', '.join(PROGRAMS)} is on PATH")


@pytest.fixture(scope="session")
def built_page() -> Path:
    """The folder of the page, which is that of its sources."""
    page = script("page")
    if not page.is_built():
        left_out("the page is not built from web/ as it is: python3 .ci/bootstrap.py dev")
    return Path(page.PAGE)


@pytest.fixture(scope="module")
def browser(chromium: str, built_page: Path) -> Iterator[Browser]:
    """One browser for the tests of a module; each visit has a profile of its own."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield started
        started.close()


class Visit:
    """Somebody at the page of a service, in a browser without a past.

    What must not happen is kept in `troubles`: an error on the console (a break of the policy is
    one), an exception that nobody caught, a request to anywhere else.
    """

    def __init__(self, browser: Browser, service: Service, **options: Any) -> None:
        self.service = service
        self.troubles: list[str] = []
        self._expected: list[re.Pattern[str]] = []
        self.context = browser.new_context(base_url=service.url, **options)
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.on("request", self._on_request)
        self.context.on("page", self._watch)
        self.page = self.context.new_page()

    @property
    def link(self) -> str:
        """What the service's owner is shown."""
        return page_link(self.service.url, self.service.token)

    def log_in(self, path: str = "/") -> Page:
        """Come by the link, to a view of the page, and wait until the browser is logged in."""
        with self.page.expect_response(f"{self.service.url}/session") as answer:
            self.page.goto(self.link.replace("/#", f"{path}#", 1))
        assert answer.value.status == 201
        self.page.wait_for_function("!location.hash.includes('token')")
        return self.page

    def come_as_a_stranger(self, path: str = "/") -> Page:
        """Come without the link: what the page asks for is refused."""
        self.expect(r"status of 401 \(Unauthorized\)")
        self.page.goto(path)
        self.page.wait_for_selector("form.login, .login form")
        return self.page

    def expect(self, pattern: str) -> None:
        """Let trouble that matches be none: a test that makes it says so."""
        self._expected.append(re.compile(pattern))

    def check(self) -> None:
        """AssertionError with all the trouble that there was."""
        found = [
            text for text in self.troubles if not any(one.search(text) for one in self._expected)
        ]
        self.troubles.clear()
        assert not found, "\n".join(found)

    def _watch(self, page: Page) -> None:
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.troubles.append(f"uncaught: {error}"))
        page.on("crash", lambda _: self.troubles.append("the page crashed"))

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.troubles.append(f"console: {message.text} ({message.location['url']})")

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.service.url}/", "data:", "blob:")):
            self.troubles.append(f"elsewhere: {request.method} {request.url}")


Visiting = Callable[..., Visit]


@pytest.fixture
def visiting(browser: Browser, live: Service) -> Iterator[Visiting]:
    """Makes visits at the module's service, or at `service`; other arguments are the context's.

    `live` has one agent, `worker`, driven by the scripted CLI, beside `demo`.
    """
    visits: list[Visit] = []

    def visit(service: Service | None = None, **options: Any) -> Visit:
        visits.append(Visit(browser, service or live, **options))
        return visits[-1]

    yield visit
    for one in visits:
        one.context.close()
    for one in visits:
        one.check()


@pytest.fixture
def visit(visiting: Visiting) -> Visit:
    """A visit at the module's service."""
    return visiting()
