"""A run that asks, and what the tests of approvals look at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio

from agent_runner.api.context import Context
from agent_runner.approvals.decision import Decision
from agent_runner.runs.active import ActiveRun
from conversation_store.records import AgentRecord, ApprovalRecord, RunRecord
from conversation_store.states import ApprovalState, is_terminal
from tests.conftest import Script
from tests.helpers.trial import LONGEST_S, start, stored

COMMAND = {"command": "touch made.txt"}


def question(log: Path, **more: Any) -> Script:
    """One question, then a text; what was let through is in `log`."""
    return [{"ask": "Execute", "input": COMMAND, "log": str(log), **more}, {"text": "went on"}]


def ran(log: Path) -> list[dict[str, Any]]:
    """The inputs that the tool ran with."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


async def asked(
    context: Context, agent: AgentRecord, script: Script
) -> tuple[ActiveRun, ApprovalRecord]:
    """A run that waits for its first question."""
    active = await start(context, agent, script)
    return active, await pending(context, active.run_id)


async def pending(context: Context, run_id: str) -> ApprovalRecord:
    """The run's pending approval, once there is one."""
    with anyio.fail_after(LONGEST_S):
        while True:
            found = await context.store.approvals.list(
                state=ApprovalState.PENDING, run_id=run_id, limit=10
            )
            if found:
                return found[0]
            await anyio.sleep(0.005)


async def over(context: Context, run_id: str) -> RunRecord:
    """The run, once it has ended."""
    with anyio.fail_after(LONGEST_S):
        while not is_terminal((run := await context.store.runs.get(run_id)).state):
            await anyio.sleep(0.005)
    return run


def approve(approval: ApprovalRecord, **more: Any) -> Decision:
    """An approval by somebody who has seen what is asked."""
    given = {"by": "ann", "via": "http", "approve": True, "input_hash": approval.input_hash}
    return Decision(**{**given, **more})


def reject(**more: Any) -> Decision:
    return Decision(**{"by": "ann", "via": "http", "approve": False, **more})


async def events_of(context: Context, run_id: str) -> list[dict[str, Any]]:
    """The run's durable events as JSON objects."""
    events = await stored(context.store.events.of_run(run_id, after=0, until=2**62))
    return [json.loads(event.payload) for event in events]


def types(events: list[dict[str, Any]], *prefixes: str) -> list[str]:
    return [e["type"] for e in events if e["type"].startswith(prefixes)]
