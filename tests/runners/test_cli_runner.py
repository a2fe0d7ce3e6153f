"""The headless runner by itself, with the scripted Claude Code."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import psutil
import pytest

from agent_runner.agents.base import AgentOptions
from agent_runner.runners.cli_runner import RunRequest
from agent_runner.settings import Timeouts
from tests.conftest import Serving
from tests.runs.test_service import until

pytestmark = pytest.mark.anyio


def request(cwd: Path, prompt: str) -> RunRequest:
    return RunRequest(
        run_id="run",
        conversation_id="conversation",
        agent_id="agent",
        agent_type="claude-code",
        options=AgentOptions(cwd=str(cwd)),
        prompt=prompt,
        raw_path=cwd / "raw",
        timeouts=Timeouts(),
        warn_on_stall=False,
        hold_ms=60_000,
        resume_attempts=1,
    )


@pytest.mark.parametrize("padding", [0, 1 << 20], ids=["small", "larger than a pipe"])
async def test_a_process_begins_with_its_prompt(
    serving: Serving, tmp_path: Path, padding: int
) -> None:
    """The program finds it in its input, and need not wait for whoever listens to the turn."""
    here = tmp_path / "here"
    async with serving() as context:
        asked = request(tmp_path, json.dumps([{"touch": str(here)}]) + " " * padding)
        live = await context.runner.start(asked, None, "proc_1")
        try:
            assert not here.exists()
            with anyio.fail_after(30):
                await context.runner.go(live, asked)
                await until(here)
        finally:
            await live.end(0)


async def test_a_held_process_can_be_ended(serving: Serving, tmp_path: Path) -> None:
    async with serving() as context:
        live = await context.runner.start(request(tmp_path, "never"), None, "proc_1")
        with anyio.fail_after(30):
            await live.end(0)
        assert not psutil.pid_exists(live.pid)
        assert context.runner.living == []
