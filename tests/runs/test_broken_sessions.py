"""A session that cannot be gone on with, in whatever words its CLI says so, or in none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent_runner.api.context import Context
from agent_runner.runs.active import ActiveRun
from conversation_store.records import AgentRecord
from tests.conftest import Script, Service, Serving
from tests.helpers.trial import CLAUDE, DROID, EVERY_WAY, GEMINI, Way, add_agent, ended, start
from tests.runs.test_service import events_of

pytestmark = pytest.mark.anyio

UNPAIRED = "messages.2: `tool_use` ids were found without `tool_result` blocks immediately after"
BROKEN: dict[str, Script] = {
    "crashes": [{"die": 11}],
    "ends without a word": [{"die": 0}],
    "ends in other words": [{"stderr": "Z\u00fcrich says: cannot rehydrate"}, {"die": 3}],
    "is refused by the model's service": [{"error": UNPAIRED, "status": 400}],
    "is refused in words that nobody knows": [{"error": "Z\u00fcrich: no", "status": 400}],
}


async def resumed_with(context: Context, agent: AgentRecord, steps: Script) -> AgentRecord:
    """The agent whose CLI does just these steps in each session that it resumes."""
    env = {**agent.options.get("env", {}), "SCRIPTED_ON_RESUME": json.dumps(steps)}
    return await context.store.agents.change(
        agent.agent_id,
        comm_mode=agent.comm_mode,
        options={**agent.options, "env": env},
        now=agent.created_at,
    )


async def told(context: Context, active: ActiveRun) -> list[dict[str, Any]]:
    return [json.loads(event.payload) for event in await events_of(context, active.run_id)]


@pytest.mark.parametrize("steps", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("way", EVERY_WAY)
async def test_it_is_quarantined_and_the_conversation_goes_on(
    serving: Serving, tmp_path: Path, way: Way, steps: Script
) -> None:
    async with serving(**way.limits) as context:
        agent = await add_agent(context, "worker", way.agent_type, tmp_path)
        first = await start(context, agent, "one")
        assert (await ended(first)).answer == "echo: one"
        agent = await resumed_with(context, agent, steps)
        second = await start(context, agent, "two")
        outcome = await ended(second)
        assert outcome.state == "succeeded", outcome
        assert outcome.answer is not None
        assert outcome.answer.endswith("two")
        assert "assistant: echo: one" in outcome.answer
        events = await told(context, second)
        (given_up,) = [event for event in events if event["type"] == "session.quarantined"]
        assert given_up["sessionId"] == first.session_id
        assert given_up["historyTurns"] == 2
        assert given_up["error"]
        conversation = await context.store.conversations.get(first.run.conversation_id)
        assert conversation.session_id not in (None, first.session_id)


@pytest.mark.parametrize("way", [CLAUDE, GEMINI, DROID], ids=lambda way: way.agent_type)
async def test_one_that_is_not_to_blame_is_kept(serving: Serving, tmp_path: Path, way: Way) -> None:
    """The prompt itself ends the CLI, in whatever session."""
    async with serving(**way.limits) as context:
        agent = await add_agent(context, "worker", way.agent_type, tmp_path)
        first = await start(context, agent, "one")
        await ended(first)
        second = await start(context, agent, [{"die": 3}])
        outcome = await ended(second)
        assert (outcome.state, outcome.session_id) == ("failed", first.session_id)
        assert [e for e in await told(context, second) if e.get("code") == "session_kept"]
        third = await start(context, agent, "three")
        assert (await ended(third)).answer == "echo: three"
        assert third.session_id == first.session_id


STANDS: dict[str, Script] = {
    "after a tool": [{"tool": "Bash", "input": {"command": "ls"}}, {"die": 3}],
    "after a word": [{"text": "I begin."}, {"die": 3}],
    "for a limit of the account": [{"error": "rate limited", "status": 429}],
    "for what the request is refused in any session": [
        {"error": "User location is not supported for the API use.", "status": 400}
    ],
    "for a login": [{"error": "authentication failed", "status": 401}],
    "for the service's trouble": [{"error": "overloaded", "status": 529}],
}


@pytest.mark.parametrize("steps", STANDS.values(), ids=STANDS)
async def test_what_is_no_matter_of_the_session_leaves_it_alone(
    serving: Serving, tmp_path: Path, steps: Script
) -> None:
    async with serving() as context:
        agent = await add_agent(context, "worker", "claude-code", tmp_path)
        first = await start(context, agent, "one")
        await ended(first)
        agent = await resumed_with(context, agent, steps)
        second = await start(context, agent, "two")
        assert (await ended(second)).state == "failed"
        types = [event["type"] for event in await told(context, second)]
        assert "session.quarantined" not in types
        conversation = await context.store.conversations.get(first.run.conversation_id)
        assert conversation.session_id == first.session_id


LASTING: dict[str, tuple[Script, str]] = {
    "hangs": ([{"hang": True}], "stalled"),
    "prints what nobody can read": ([{"line": "{{{ broken"}, {"die": 1}], "cli_error"),
}


@pytest.mark.parametrize(("steps", "code"), LASTING.values(), ids=LASTING)
async def test_one_that_costs_two_prompts_is_given_up_at_the_third(
    serving: Serving, tmp_path: Path, steps: Script, code: str
) -> None:
    async with serving(warm_processes=0) as context:
        agent = await add_agent(context, "worker", "claude-code", tmp_path)
        first = await start(context, agent, "one")
        await ended(first)
        agent = await resumed_with(context, agent, steps)
        for number in range(2):
            failing = await start(context, agent, f"try {number}", silence_ms=500)
            assert (await ended(failing)).code == code
        last = await start(context, agent, "at last")
        outcome = await ended(last)
        assert outcome.state == "succeeded"
        assert "assistant: echo: one" in (outcome.answer or "")
        (given_up,) = [e for e in await told(context, last) if e["type"] == "session.quarantined"]
        assert given_up["sessionId"] == first.session_id
        assert given_up["error"]


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
@pytest.mark.parametrize(("said", "given"), [("plain", True), ("in\u200bvisible", False)])
def test_in_its_own_ui(
    make_service: Callable[..., Service], tmp_path: Path, said: str, given: bool
) -> None:
    """What its UI would change is not told to it, and stops nothing."""
    service = make_service(tmux={})
    env = {"CLAUDE_CONFIG_DIR": str(tmp_path / "claude")}
    service.register("worker", commMode="tmux", env=env)
    first = service.run([{"text": said}]).json()
    with service.client() as client:
        changed = {"env": {**env, "SCRIPTED_ON_RESUME": json.dumps([{"die": 3}])}}
        assert client.patch("/agents/worker", json=changed).status_code == 200
    second = service.run("two").json()
    assert second["status"] == "succeeded", second
    assert (f"assistant: {said}" in second["content"]) == given
    assert second["content"].endswith("two")
    assert second["sessionId"] != first["sessionId"]
