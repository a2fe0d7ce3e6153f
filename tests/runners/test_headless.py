"""The headless runner by itself, with the scripted Claude Code."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest

from agent_runner.agents.base import AgentOptions
from agent_runner.runners.headless import RunRequest
from agent_runner.settings import Timeouts
from tests.conftest import Serving
from tests.runs.test_service import until


@pytest.mark.anyio
@pytest.mark.parametrize("padding", [0, 1 << 20], ids=["small", "larger than a pipe"])
async def test_a_process_begins_with_its_prompt(
    serving: Serving, tmp_path: Path, padding: int
) -> None:
    """The program finds it in its input, and need not wait for whoever listens to the turn."""
    here = tmp_path / "here"
    async with serving() as context:
        request = RunRequest(
            run_id="run",
            conversation_id="conversation",
            agent_id="agent",
            agent_type="claude-code",
            options=AgentOptions(cwd=str(tmp_path)),
            prompt=json.dumps([{"touch": str(here)}]) + " " * padding,
            raw_path=tmp_path / "raw",
            timeouts=Timeouts(),
            warn_on_stall=False,
            hold_ms=60_000,
            resume_attempts=1,
        )
        live = await context.headless.start(request, None, "proc_1")
        try:
            assert not here.exists()
            with anyio.fail_after(30):
                await context.headless.go(live, request)
                await until(here)
        finally:
            await live.end(0)
