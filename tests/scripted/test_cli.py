"""The scripted CLI is what it stands in for: the real adapters read it without a surprise."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import SCRIPTED, Script, Serving
from tests.helpers.trial import EVERY_WAY, ONCE, WARM, Way, add_agent, ended, start, suffer, until

pytestmark = pytest.mark.anyio

WELL: Script = [
    {"tool": "Execute", "input": {"command": "ls"}, "output": "a.txt"},
    {"text": "one two three", "deltas": 3},
]


@pytest.mark.parametrize("way", EVERY_WAY)
async def test_good_behaviour_is_understood(serving: Serving, tmp_path: Path, way: Way) -> None:
    trial = await suffer(serving, tmp_path, way, WELL)
    assert (trial.run.state, trial.answer) == ("succeeded", "one two three")
    assert trial.run.cli_version == "9.9.9"
    assert trial.run.session_id
    assert trial.run.usage is not None
    assert trial.run.usage["outputTokens"] == 5
    assert [event["output"] for event in trial.of("tool.completed")] == ["a.txt"]
    assert trial.of("unknown", "parse_error", "oversize", "notice") == []


@pytest.mark.parametrize("way", EVERY_WAY)
async def test_a_later_turn_goes_on_in_the_session(
    serving: Serving, tmp_path: Path, way: Way
) -> None:
    async with serving(**way.limits) as context:
        agent = await add_agent(context, "worker", way.agent_type, tmp_path)
        outcomes = [await ended(await start(context, agent, text)) for text in ("one", "two")]
    async with serving(**way.limits) as context:
        outcomes.append(await ended(await start(context, agent, "three")))
    assert [o.answer for o in outcomes] == ["echo: one", "echo: two", "echo: three"]
    assert len({outcome.session_id for outcome in outcomes}) == 1


@pytest.mark.parametrize("way", EVERY_WAY)
async def test_a_session_that_is_gone_cannot_be_resumed(
    serving: Serving, tmp_path: Path, way: Way
) -> None:
    async with serving(**way.limits) as context:
        env = {"SCRIPTED_NO_RESUME": "1"}
        agent = await add_agent(context, "worker", way.agent_type, tmp_path, env=env)
        await ended(await start(context, agent, "one"))
    async with serving(**way.limits) as context:
        second = await start(context, agent, "two")
        assert str((await ended(second)).answer).endswith("two")
        events = [
            event
            async for page in context.store.events.of_run(second.run_id, after=0, until=99)
            for event in page
        ]
        assert [e.type for e in events].count("session.quarantined") == 1


@pytest.mark.parametrize("way", EVERY_WAY)
async def test_an_error_of_the_model_has_its_code(
    serving: Serving, tmp_path: Path, way: Way
) -> None:
    trial = await suffer(serving, tmp_path, way, [{"error": "scripted", "status": 429}])
    assert (trial.run.state, trial.run.code) == ("failed", "rate_limited")
    assert trial.of("unknown", "parse_error") == []


@pytest.mark.parametrize("way", WARM)
@pytest.mark.parametrize("policy", ["allow", "deny"])
async def test_a_question_is_asked(serving: Serving, tmp_path: Path, way: Way, policy: str) -> None:
    async with serving() as context:
        agent = await add_agent(context, "w", way.agent_type, tmp_path, permissions=policy)
        script: Script = [{"ask": "Execute", "input": {"command": "ls"}}, {"text": "on"}]
        active = await start(context, agent, script)
        outcome = await ended(active)
        # Droid's own word for a denial is cancel: its turn ends.
        ends = policy == "deny" and way.agent_type == "factory-droid"
        assert outcome.code == ("permission_denied" if ends else None)
        assert outcome.answer == (None if ends else "on")


@pytest.mark.parametrize("way", ONCE)
async def test_a_question_without_anybody(serving: Serving, tmp_path: Path, way: Way) -> None:
    trial = await suffer(
        serving,
        tmp_path,
        way,
        [{"ask": "Execute"}, {"text": "on"}],
        options={"permissions": "deny"},
    )
    assert [event["status"] for event in trial.of("tool.completed")] == ["denied"]
    assert trial.of("unknown", "parse_error") == []


@pytest.mark.parametrize("way", EVERY_WAY)
async def test_an_interrupt(serving: Serving, tmp_path: Path, way: Way) -> None:
    here = tmp_path / "here"
    async with serving(**way.limits) as context:
        agent = await add_agent(context, "worker", way.agent_type, tmp_path)
        active = await start(context, agent, [{"touch": str(here)}, {"hang": True}])
        await until(here.exists)
        await context.runs.cancel("worker", None)
        assert (await ended(active)).state == "cancelled"
        assert (await ended(await start(context, agent, "next"))).answer == "echo: next"


def test_every_step_is_documented() -> None:
    registered = {
        name
        for source in SCRIPTED.parent.glob("*.py")
        for name in re.findall(r'^@step\("(\w+)"\)', source.read_text(), re.MULTILINE)
    }
    documented = set(re.findall(r'^    {"(\w+)"', SCRIPTED.read_text(), re.MULTILINE))
    assert registered == documented


def test_the_name_says_the_dialect(tmp_path: Path) -> None:
    for name, text in (("claude", "9.9.9 (Scripted Claude)"), ("gemini", "9.9.9")):
        link = tmp_path / name
        link.symlink_to(SCRIPTED)
        argv = [sys.executable, "-I", "-S", str(link), "--version"]
        assert subprocess.run(argv, capture_output=True, check=True).stdout.decode().strip() == text


def test_a_step_that_does_not_exist_is_an_error() -> None:
    argv = [sys.executable, "-I", "-S", str(SCRIPTED), "--dialect=gemini"]
    done = subprocess.run(argv, input=b'[{"tetx": 1}]', capture_output=True, check=False)
    assert done.returncode == 70
    assert b"no such step" in done.stderr
