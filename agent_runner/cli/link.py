"""agent-runner link."""

from __future__ import annotations

import tempfile
import webbrowser
from html import escape
from pathlib import Path
from typing import Annotated

import typer

from agent_runner.cli.options import StateDir, Token, Url, service_of
from agent_runner.cli.page_link import page_link
from agent_runner.cli.terminal import fail, out
from agent_runner.client.http import Client, ServiceProblemError
from agent_runner.errors import AgentRunnerError, UnavailableError
from agent_runner.settings import default_state_dir

_OPENER = "open-page.html"


def link(
    open_it: Annotated[bool, typer.Option("--open", help="Also open it in the browser.")] = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Print the link that opens the service's page and logs the browser in.

    Whoever has the link may do what you may: it ends in the token. The browser keeps the token out
    of every request, and the page out of its history; it stays logged in for some days
    (server.login_ms). For another machine's page, forward its port first:
    `ssh -L 8420:127.0.0.1:8420 HOST`, and there `agent-runner link`.
    """
    try:
        where, known = service_of(url, token, state_dir)
        made = page_link(where, known if _asks_for_token(where, known) else None)
        out.print(made)
        if open_it:
            _open(made, state_dir or default_state_dir())
    except AgentRunnerError as error:
        fail(error)


def _asks_for_token(url: str, token: str | None) -> bool:
    """Whether the service does; AgentRunnerError if it is away, or takes this one for wrong."""
    if _refusal(url, None) is None:
        return False
    if refusal := _refusal(url, token):
        raise refusal
    return True


def _refusal(url: str, token: str | None) -> ServiceProblemError | None:
    """Why the service does not let this token in; one that is not well does."""
    try:
        with Client(url, token) as service:
            service.get("/health")
    except ServiceProblemError as error:
        if error.code == "unauthorized":
            return error
        if error.document.get("status") != 503:
            raise
    return None


def _open(made: str, folder: Path) -> None:
    """Open a file that leads there: other users can read a browser's command line."""
    if not folder.is_dir():
        folder = Path(tempfile.mkdtemp(prefix="agent-runner-"))
    file = folder / _OPENER
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    target = escape(made)
    file.write_text(
        '<!doctype html><meta charset="utf-8"><title>agent-runner</title>'
        f'<meta http-equiv="refresh" content="0; url={target}"><a href="{target}">Open</a>\n',
        "utf-8",
    )
    if not webbrowser.open(file.as_uri()):
        raise UnavailableError(
            "no_browser", "no browser could be started", hint="open the link by hand"
        )
