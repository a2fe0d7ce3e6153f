"""Whichever way a secret came to an agent, it is in nothing that is kept or told of a run."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import Script, Serving
from tests.helpers.asking import approve, asked, pending, ran
from tests.runs.test_service import add_agent, ended, events_of, start

pytestmark = pytest.mark.anyio

SECRET = 's3cr3t "quoted" +/0123456789'

ROUTES: dict[str, dict[str, Any]] = {
    "the agent's env": {"env": {"TRACKER": SECRET}},
    "a server's env": {"mcpServers": {"t": {"command": "true", "env": {"TRACKER": SECRET}}}},
    "a server's header": {
        "mcpServers": {"t": {"type": "http", "url": "http://x/", "headers": {"X-T": SECRET}}}
    },
    "a server's argument": {
        "mcpServers": {"t": {"command": "true", "args": ["--token", SECRET]}},
    },
}


@pytest.mark.parametrize("options", ROUTES.values(), ids=ROUTES)
async def test_a_secret_is_masked_in_all_that_is_kept(
    serving: Serving, tmp_path: Path, options: dict[str, Any]
) -> None:
    coded = base64.b64encode(SECRET.encode()).decode()
    async with serving() as context:
        agent = await add_agent(context, tmp_path, "worker", **options)
        script: Script = [
            {"text": f"it is {SECRET}, true and {quote(SECRET)}"},
            {"tool": "Bash", "input": {"command": f"echo {coded}"}, "output": SECRET},
            {"stderr": f"{SECRET}\n"},
        ]
        active = await start(context, agent, script)
        outcome = await ended(active)
        assert outcome.state == "succeeded"
        assert (outcome.answer or "").startswith("it is ****")
        assert ", true and " in (outcome.answer or "")
        kept = [
            (context.raw_dir / f"{active.run_id}.{stream}").read_text()
            for stream in ("stdout", "stderr")
        ]
        events = [json.loads(event.payload) for event in await events_of(context, active.run_id)]
        told = [json.dumps(event) for event in events if event["type"] != "run.queued"]
        for text in (*kept, *told):
            for form in ("s3cr3t", "quoted", quote(SECRET), coded[:20]):
                assert form not in text
        launcher = context.runner.launcher
        assert "s3cr3t" not in launcher.secrets.masked(f"a log line with {SECRET} in it")


async def test_what_was_asked_with_a_secret_in_it_runs_as_it_was_asked(
    serving: Serving, tmp_path: Path
) -> None:
    log, secret = tmp_path / "log", "s3cr3t-0123456789"
    async with serving() as context:
        agent = await add_agent(context, tmp_path, "worker", env={"TRACKER": secret})
        given = {"command": f"rm {secret}", "why": "x"}
        script: Script = [{"ask": "Execute", "input": given, "log": str(log)}] * 2
        active, approval = await asked(context, agent, script)
        assert approval.input == {"command": f"rm {'*' * len(secret)}", "why": "x"}
        await context.approvals.decide(approval.approval_id, approve(approval))
        second = await pending(context, active.run_id)
        changed = {**second.input, "why": "y"}
        await context.approvals.decide(second.approval_id, approve(second, updated_input=changed))
        assert (await ended(active)).state == "succeeded"
        assert ran(log) == [given, {**given, "why": "y"}]


@pytest.mark.parametrize("type_", ["claude-code", "gemini", "factory-droid"])
async def test_a_secret_in_pieces_is_masked_in_the_pieces_and_in_the_whole(
    serving: Serving, tmp_path: Path, type_: str
) -> None:
    secret = "s3cr3t-0123456789"
    async with serving() as context:
        agent = await add_agent(context, tmp_path, agent_type=type_, env={"TRACKER": secret})
        active = await start(context, agent, [{"text": f"it is {secret}, true", "deltas": 9}])
        outcome = await ended(active)
        assert outcome.answer == f"it is {'*' * len(secret)}, true"
        events = [json.loads(event.payload) for event in await events_of(context, active.run_id)]
        told = [json.dumps(event) for event in events if event["type"] != "run.queued"]
        assert not any("s3cr3t" in text for text in told)
