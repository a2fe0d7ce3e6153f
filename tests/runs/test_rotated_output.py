"""A log rotator at work on the output of a one-shot CLI: the answer, or a clear code."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import anyio
import pytest

from agent_runner import wire
from agent_runner.api.context import Context
from conversation_store.records import AgentRecord
from tests.conftest import Script, Serving
from tests.runs.test_service import ended, events_of, start, until

pytestmark = pytest.mark.anyio

SECRET = "s3cr3t-0123456789"


async def add_agent(context: Context, cwd: Path, kind: str, **options: Any) -> AgentRecord:
    return await context.store.agents.add(
        "worker",
        agent_type=kind,
        comm_mode="headless",
        options={"cwd": str(cwd), **options},
        now=wire.now(),
    )


def rotate(path: Path, how: str) -> None:
    """What logrotate does with `copytruncate`, or without it."""
    if how == "truncated":
        os.truncate(path, 0)
    elif how == "removed":
        path.unlink()
    else:
        path.rename(path.with_suffix(".1"))
        if how == "replaced":
            path.touch()


@pytest.mark.parametrize("kind", ["gemini", "factory-droid"])
@pytest.mark.parametrize("how", ["truncated", "removed", "renamed", "replaced"])
async def test_what_was_read_before_and_comes_after_is_the_answer(
    serving: Serving, tmp_path: Path, how: str, kind: str
) -> None:
    here, gate = tmp_path / "here", tmp_path / "gate"
    script: Script = [
        {"text": f"it is {SECRET} and"},
        {"touch": str(here)},
        {"wait": str(gate)},
        {"text": f"the end {SECRET}"},
    ]
    async with serving(warm_processes=0) as context:
        agent = await add_agent(context, tmp_path, kind, env={"TRACKER": SECRET})
        active = await start(context, agent, script)
        await until(here)
        log = context.raw_dir / f"{active.run_id}.stdout"
        with anyio.fail_after(20):
            while b"*****" not in log.read_bytes():
                await anyio.sleep(0.01)
        rotate(log, how)
        gate.touch()
        outcome = await ended(active)
        assert outcome.state == "succeeded", outcome
        assert (outcome.answer or "").endswith(f"the end {'*' * len(SECRET)}")
        events = [json.loads(event.payload) for event in await events_of(context, active.run_id)]
        codes = [event["code"] for event in events if event["type"] == "notice"]
        assert codes.count("output_cut") == (how == "truncated")
        if how == "truncated":
            assert not any(event["type"] == "parse_error" for event in events)
        for path in context.raw_dir.iterdir():
            assert SECRET.encode() not in path.read_bytes()
            assert b"\0" not in path.read_bytes()


async def test_a_lost_end_has_a_code_of_its_own(serving: Serving, tmp_path: Path) -> None:
    """It was written, and gone before it could be read: the CLI itself empties the file."""
    script = tmp_path / "tool.sh"
    script.write_text(
        'cat >/dev/null; echo \'{"type":"init","session_id":"s"}\'\n'
        'printf x >"$LOG/here"; while [ ! -e "$LOG/gate" ]; do sleep 0.01; done\n'
    )
    async with serving(warm_processes=0) as context:
        agent = await add_agent(
            context,
            tmp_path,
            "custom",
            command=["/bin/sh", str(script)],
            dialect="gemini",
            env={"LOG": str(tmp_path)},
        )
        active = await start(context, agent, "x")
        await until(tmp_path / "here")
        log = context.raw_dir / f"{active.run_id}.stdout"
        with anyio.fail_after(20):
            while not (events := await events_of(context, active.run_id)) or not any(
                event.type == "session.started" for event in events
            ):
                await anyio.sleep(0.01)
        os.truncate(log, 0)
        (tmp_path / "gate").touch()
        outcome = await ended(active)
        assert (outcome.state, outcome.code) == ("failed", "output_lost")
        assert "raw/" in (outcome.hint or "")
