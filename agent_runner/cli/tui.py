"""agent-runner tui."""

from __future__ import annotations

import anyio

from agent_runner.cli.options import DEFAULT_URL, StateDir, Token, Url
from agent_runner.cli.terminal import fail
from agent_runner.client.events import Watcher
from agent_runner.client.http import kept_token
from agent_runner.errors import AgentRunnerError, UnavailableError
from agent_runner.settings import default_state_dir


def tui(url: Url = DEFAULT_URL, token: Token = None, state_dir: StateDir = None) -> None:
    """Decide on approvals in a terminal UI, beside the runs that wait for them.

    Keys: up and down choose, Enter shows; a approves, s approves for the CLI's session,
    r rejects, e edits the input, x extends, Tab goes to the runs, q leaves.
    """
    try:
        anyio.run(_run, url, token or kept_token(state_dir or default_state_dir()))
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
