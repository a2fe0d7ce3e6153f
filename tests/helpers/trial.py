"""A run that meets a fault, and the rule that holds whatever the fault is.

The service stays up and logs no error, and another agent's run does not notice; the run ends
in exactly one terminal state with a reason; a reader that was there sees what a replay shows
and the store has; the bytes that the CLI printed are kept.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs

from agent_runner import wire
from agent_runner.api.context import Context
from agent_runner.api.streams import framed
from agent_runner.runs.active import ActiveRun
from agent_runner.runs.request import ExecuteRequest
from agent_runner.streams.native import Native
from conversation_store.records import AgentRecord, RunOutcome, RunRecord, StoredEvent
from conversation_store.states import RunState, is_terminal
from tests.conftest import Script, Serving

LONGEST_S = 30.0


@dataclass(frozen=True)
class Way:
    """A CLI and how it is driven."""

    agent_type: str
    warm: bool

    @property
    def limits(self) -> dict[str, Any]:
        """The limits that make the service drive it so."""
        return {} if self.warm else {"warm_processes": 0}


CLAUDE = Way("claude-code", warm=True)
CLAUDE_ONCE = Way("claude-code", warm=False)
GEMINI = Way("gemini", warm=True)
GEMINI_ONCE = Way("gemini", warm=False)
DROID = Way("factory-droid", warm=True)
DROID_ONCE = Way("factory-droid", warm=False)


def _params(*ways: Way) -> list[Any]:
    return [
        pytest.param(way, id=f"{way.agent_type}-{'warm' if way.warm else 'once'}") for way in ways
    ]


EVERY_WAY = _params(CLAUDE, CLAUDE_ONCE, GEMINI, GEMINI_ONCE, DROID, DROID_ONCE)
ONE_WAY_EACH = _params(CLAUDE, GEMINI_ONCE, DROID)
WARM = _params(CLAUDE, GEMINI, DROID)
ONCE = _params(CLAUDE_ONCE, GEMINI_ONCE, DROID_ONCE)


@dataclass(frozen=True)
class Trial:
    """What came of it: the run as stored, its durable events, the CLI's bytes."""

    run: RunRecord
    answer: str | None
    events: list[dict[str, Any]]
    ephemeral: list[dict[str, Any]]
    replayed: bytes
    printed: bytes
    raw: bytes
    stderr: bytes

    def of(self, *types: str) -> list[dict[str, Any]]:
        """The durable events of these types."""
        return [event for event in self.events if event["type"] in types]

    def notices(self, code: str) -> list[dict[str, Any]]:
        """The notices with this code."""
        return [event for event in self.of("notice") if event["code"] == code]


During = Callable[[Context, ActiveRun], Awaitable[None]]


async def add_agent(
    context: Context, name: str, agent_type: str, cwd: Path, **options: Any
) -> AgentRecord:
    return await context.store.agents.add(
        name,
        agent_type=agent_type,
        comm_mode="headless",
        options={"cwd": str(cwd), **options},
        now=wire.now(),
    )


async def start(
    context: Context,
    agent: AgentRecord,
    script: Script | str,
    timeout_ms: int | None = None,
    silence_ms: int | None = None,
) -> ActiveRun:
    prompt = script if isinstance(script, str) else json.dumps(script)
    given = {"commandMs": timeout_ms, "noOutputMs": silence_ms}
    timeouts = {name: value for name, value in given.items() if value is not None}
    accepted = await context.runs.execute(
        agent.agent_id, ExecuteRequest(prompt=prompt, timeouts=timeouts)
    )
    assert accepted.active is not None
    return accepted.active


async def ended(active: ActiveRun) -> RunOutcome:
    with anyio.fail_after(LONGEST_S):
        await active.done.wait()
    assert active.outcome is not None
    return active.outcome


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(LONGEST_S):
        while not condition():
            await anyio.sleep(0.005)


def wait_until(condition: Callable[[], bool]) -> None:
    """The same where nothing is asynchronous."""
    deadline = time.monotonic() + LONGEST_S
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.005)


async def stored(pages: AsyncIterator[list[StoredEvent]]) -> list[StoredEvent]:
    return [event async for page in pages for event in page]


async def suffer(
    serving: Serving,
    tmp_path: Path,
    way: Way,
    script: Script | str,
    *,
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
    options: dict[str, Any] | None = None,
    program: Path | None = None,
    timeout_ms: int | None = None,
    during: During | None = None,
    cut: bool = False,
    **limits: Any,
) -> Trial:
    """Run `script` on a CLI driven this way, and hold the service to the rule.

    `program` takes the CLI's place. `during` happens once the run is accepted. `cut` says that
    the CLI is ended while it prints: then what is kept may lack the end of what it had for the
    pipe.
    """
    with capture_logs() as logs:
        trial = await _suffer(
            serving, tmp_path, way, script, env, cwd, options, program, timeout_ms, during, limits
        )
    assert [entry for entry in logs if entry["log_level"] in ("error", "critical")] == []
    _check_kept(trial, cut=cut)
    return trial


async def _at_rest(context: Context) -> None:
    """Wait for the end of what a CLI has begun by itself."""
    with anyio.fail_after(LONGEST_S):
        while await context.store.runs.open_runs():
            await anyio.sleep(0.005)


async def _suffer(
    serving: Serving,
    tmp_path: Path,
    way: Way,
    script: Script | str,
    env: dict[str, str] | None,
    cwd: Path | None,
    options: dict[str, Any] | None,
    program: Path | None,
    timeout_ms: int | None,
    during: During | None,
    limits: dict[str, Any],
) -> Trial:
    async with serving(**way.limits, **limits) as context:
        copy = tmp_path / "printed"
        here, gate = tmp_path / "bystander is here", tmp_path / "bystander may go"
        given = {"env": {"SCRIPTED_COPY": str(copy), **(env or {})}, **(options or {})}
        patient = await add_agent(context, "patient", way.agent_type, cwd or tmp_path, **given)
        bystander = await add_agent(context, "bystander", "claude-code", tmp_path)
        calm: Script = [{"touch": str(here)}, {"wait": str(gate)}, {"text": "untouched"}]
        other = await start(context, bystander, calm)
        await until(here.exists)
        if program is not None:
            context.settings.programs[way.agent_type] = str(program)

        active = await start(context, patient, script, timeout_ms)
        seen: list[bytes] = []
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_watch, active, seen)
            if during is not None:
                await during(context, active)
            outcome = await ended(active)
        assert not other.done.is_set(), "the bystander's run ended with the patient's"
        gate.touch()
        calm_outcome = await ended(other)
        assert (calm_outcome.state, calm_outcome.answer) == (RunState.SUCCEEDED, "untouched")

        await _at_rest(context)
        await context.runs.end_session("patient")
        run, events, ephemeral, replayed = await _check_told(context, active, b"".join(seen))
        raw = context.settings.state_dir / "raw" / active.run_id
        return Trial(
            run=run,
            answer=outcome.answer,
            events=events,
            ephemeral=ephemeral,
            replayed=replayed,
            printed=_bytes(copy),
            raw=_bytes(raw.with_suffix(".stdout")),
            stderr=_bytes(raw.with_suffix(".stderr")),
        )


async def _watch(active: ActiveRun, seen: list[bytes]) -> None:
    """A reader that is there from the start."""
    envelopes = active.channel.subscribe(after=0, run_id=active.run_id)
    frames = framed(active.channel, envelopes, Native(active.run_id))
    seen.extend([piece async for piece in frames])


async def _check_told(
    context: Context, active: ActiveRun, seen: bytes
) -> tuple[RunRecord, list[dict[str, Any]], list[dict[str, Any]], bytes]:
    """One end with its reason; seen live, replayed and stored are the same."""
    store = context.store
    run = await store.runs.get(active.run_id)
    of_run = await stored(store.events.of_run(active.run_id, after=0, until=2**62))
    of_all = await stored(store.events.of_conversation(run.conversation_id, after=0, until=2**62))
    assert [event.seq for event in of_all] == list(range(1, len(of_all) + 1))
    events = [json.loads(event.payload) for event in of_run]
    ends = [event for event in events if event["type"] == "run.finished"]
    assert len(ends) == 1
    assert is_terminal(run.state)
    assert ends[0]["state"] == run.state
    if run.state is not RunState.SUCCEEDED:
        assert run.code
        assert run.error
    assert ends[0].get("code") == run.code

    replay = active.channel.replay(after=0, run_id=active.run_id)
    frames = framed(active.channel, replay, Native(active.run_id))
    replayed = b"".join([piece async for piece in frames])
    live = [block for block in seen.split(b"\n\n") if block]
    durable = [block for block in live if block.startswith(b"id: ")]
    assert durable == [block for block in replayed.split(b"\n\n") if block]
    assert len(durable) == len(of_run)
    ephemeral = [
        json.loads(block.partition(b"\ndata: ")[2]) for block in live if block not in set(durable)
    ]
    return run, events, ephemeral, replayed


def _check_kept(trial: Trial, *, cut: bool) -> None:
    if trial.notices("raw_log_full"):
        return
    if cut:
        assert trial.printed.startswith(trial.raw)
    else:
        assert trial.raw == trial.printed


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
