"""agent-runner tui."""

from __future__ import annotations

import sys

import anyio

from agent_runner.cli.options import StateDir, Token, Url, service_of
from agent_runner.cli.terminal import fail
from agent_runner.client.events import Watcher
from agent_runner.errors import AgentRunnerError, BadRequestError, UnavailableError


def tui(url: Url = None, token: Token = None, state_dir: StateDir = None) -> None:
    """Decide on approvals in a terminal UI, beside the runs that wait for them.

    Keys: up and down choose, Enter shows; a approves, s approves for the CLI's session,
    r rejects, e edits the input, x extends, Tab goes to the runs, q leaves.
    """
    try:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise BadRequestError(
                "needs_terminal",
                "this needs a terminal",
                hint="agent-runner approvals list, show, approve and reject do not",
            )
        anyio.run(_run, *service_of(url, token, state_dir))
    except AgentRunnerError as error:
        fail(error)


async def _run(url: str, token: str | None) -> None:
    try:
        from agent_runner.tui.app import Tui
    except ModuleNotFoundError as error:
        raise UnavailableError(
            "tui_missing", f"{error.name} is not installed", hint="pip install 'agent-runner[tui]'"
        ) from error
    async with Watcher(url, token) as watcher:
        await watcher.get("/health")
        await Tui(watcher).run_async()
