"""A CLI that fails again and again is left alone, and comes back by one trial."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from agent_runner.errors import UnavailableError
from agent_runner.routing.circuits import Circuits
from agent_runner.settings import BreakerSettings
from conversation_store.health import Fault
from conversation_store.records import RunOutcome
from conversation_store.sqlite.store import open_store
from conversation_store.states import RunState, StoreState
from tests.conftest import Script, Service, Serving
from tests.helpers.asking import approve, asked, question
from tests.helpers.rows import NOW
from tests.helpers.rows import add_agent as add_record
from tests.runs.test_service import add_agent, ended, run, start
from tests.runs.test_supervision import payloads

pytestmark = pytest.mark.anyio

DEAD: Script = [{"die": 3}]


async def test_failures_open_it_and_a_trial_closes_it(serving: Serving, tmp_path: Path) -> None:
    async with serving(agent_failures=2, cooldown_ms=300) as context:
        agent = await add_agent(context, tmp_path)
        assert (await run(context, agent, DEAD)).state == "failed"
        last = await start(context, agent, DEAD)
        await ended(last)
        (change,) = [e for e in await payloads(context, last) if e["type"] == "circuit.changed"]
        assert (change["scope"], change["state"], change["failures"]) == ("agent", "open", 2)
        with pytest.raises(UnavailableError) as caught:
            await start(context, agent, "hello")
        assert caught.value.code == "circuit_open"
        assert caught.value.retry_after_s is not None
        assert (await run(context, await add_agent(context, tmp_path, "other"), "hi")).answer
        while context.circuits.status()[0].retry_in_ms != 0:
            pass
        await anyio.sleep(0.001)  # a rest of less than half a millisecond is told as none
        trial = await start(context, agent, "hello")
        assert (await ended(trial)).answer == "echo: hello"
        (change,) = [e for e in await payloads(context, trial) if e["type"] == "circuit.changed"]
        assert change["state"] == "closed"


GAVE_UP = 'end_turn", "terminal_reason": "malformed_tool_use_exhausted",'


@pytest.mark.parametrize(
    ("script", "counts"),
    [
        (DEAD, True),
        ([{"die": -9}], True),
        ([{"line": "no json"}] * 12 + [{"text": "drift"}], True),
        ([{"line": "no json"}, {"text": "well"}], False),
        ([{"error": "Overloaded", "status": 529}], False),
        ([{"error": "slow down", "status": 429}], False),
        ([{"result": ""}], False),
        ([{"result": "UserPromptSubmit operation blocked by hook:\nno"}], False),
        ([{"spoil": "end_turn.,", "with": GAVE_UP, "do": [{"result": ""}]}], False),
    ],
    ids=[
        *("no result", "killed", "drift", "one broken line", "overloaded", "rate limit"),
        *("no answer", "blocked by a hook", "gave up"),
    ],
)
async def test_what_counts(serving: Serving, tmp_path: Path, script: Script, counts: bool) -> None:
    async with serving(agent_failures=1, type_failures=9) as context:
        agent = await add_agent(context, tmp_path)
        await run(context, agent, script)
        states = {c.scope: c.state for c in context.circuits.status()}
        assert states.get("agent", "closed") == ("open" if counts else "closed")


async def test_a_cancelled_run_does_not_count(serving: Serving, tmp_path: Path) -> None:
    async with serving(agent_failures=1) as context:
        agent = await add_agent(context, tmp_path)
        active = await start(context, agent, [{"hang": True}])
        await context.runs.cancel("worker", None)
        assert (await ended(active)).state == "cancelled"
        assert context.circuits.status() == []


async def test_the_cli_type_has_its_own(serving: Serving, tmp_path: Path) -> None:
    async with serving(agent_failures=9, type_failures=3) as context:
        for number in range(3):
            await run(context, await add_agent(context, tmp_path, f"a{number}"), DEAD)
        with pytest.raises(UnavailableError, match="CLI type claude-code"):
            await start(context, await add_agent(context, tmp_path, "fresh"), "hello")


async def test_a_queued_run_is_not_tried_either(serving: Serving, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with serving(agent_failures=1) as context:
        agent = await add_agent(context, tmp_path)
        first = await start(context, agent, [{"wait": str(gate)}, {"die": 3}])
        second = await start(context, agent, "hello")
        gate.touch()
        assert (await ended(first)).state == "failed"
        outcome = await ended(second)
        assert (outcome.state, outcome.code) == ("failed", "circuit_open")


async def test_it_is_remembered_over_a_restart(serving: Serving, tmp_path: Path) -> None:
    async with serving(agent_failures=1) as context:
        agent = await add_agent(context, tmp_path)
        await run(context, agent, DEAD)
    async with serving(agent_failures=1) as context:
        (circuit, _) = context.circuits.status()
        assert (circuit.state, circuit.code) == ("open", "cli_error")
        assert circuit.retry_in_ms is not None
        assert 0 < circuit.retry_in_ms <= 30_000
        with pytest.raises(UnavailableError):
            await start(context, agent, "hello")
        await context.circuits.reset(agent)
        assert (await run(context, agent, "hello")).state == "succeeded"


async def test_no_login_is_tried_three_times_and_says_what_to_run(
    serving: Serving, tmp_path: Path
) -> None:
    script: Script = [{"error": "Invalid API key", "status": 401}]
    async with serving(type_failures=9) as context:
        agent = await add_agent(context, tmp_path)
        assert (await run(context, agent, script)).code == "auth_required"
        with pytest.raises(UnavailableError) as caught:
            await start(context, agent, "hello")
        assert "log in" in str(caught.value.hint)
        assert caught.value.retry_after_s is not None
        assert caught.value.retry_after_s <= 1


def test_over_http(service: Service) -> None:
    def call(method: str, path: str, body: Any = None) -> Any:
        with service.client() as client:
            return client.request(method, path, json=body)

    for _ in range(3):
        service.run(DEAD)
    refused = service.run("hello")
    assert (refused.status_code, refused.json()["code"]) == (503, "circuit_open")
    assert 1 <= int(refused.headers["Retry-After"]) <= 30
    (agent, cli) = call("GET", "/agents/circuits/status").json()["circuits"]
    assert (agent["scope"], agent["name"], agent["state"]) == ("agent", "worker", "open")
    assert (cli["scope"], cli["name"], cli["state"]) == ("type", "claude-code", "closed")
    closed = call("POST", "/agents/worker/circuit/reset", {}).json()["circuits"]
    assert {circuit["state"] for circuit in closed} == {"closed"}
    assert json.loads(service.run("hello").content)["content"] == "echo: hello"


async def test_a_trial_counts_though_it_cannot_be_stored(tmp_path: Path) -> None:
    now = [0.0]
    async with open_store(tmp_path / "new.db") as store:
        agent = await add_record(store)
        settings = BreakerSettings(agent_failures=1, type_failures=1, cooldown_ms=1000)
        circuits = Circuits(store, settings, clock=lambda: now[0])
        died = RunOutcome(state=RunState.FAILED, code="cli_error")
        await circuits.record(agent, died, 0, set())
        now[0] = 10.0
        trials = circuits.admit(agent)
        assert trials == {"agent", "type"}
        store.health.set(Fault(StoreState.FULL, "database or disk is full"))
        await circuits.record(agent, RunOutcome(state=RunState.SUCCEEDED), 0, trials)
        store.health.set(None)
        assert circuits.open(agent) is None
        assert {circuit.state for circuit in circuits.status()} == {"closed"}


async def test_a_trial_that_asks_somebody_keeps_nobody_waiting(
    serving: Serving, tmp_path: Path
) -> None:
    async with serving(agent_failures=9, type_failures=1, cooldown_ms=50) as context:
        await run(context, await add_agent(context, tmp_path, "broken"), DEAD)
        with anyio.fail_after(20):
            while context.circuits.status()[-1].retry_in_ms != 0:
                await anyio.sleep(0.005)
        await anyio.sleep(0.001)  # a rest of less than half a millisecond is told as none
        patient = await add_agent(context, tmp_path, "patient")
        trial, approval = await asked(context, patient, question(tmp_path / "log"))
        with anyio.fail_after(20):
            while context.circuits.open(patient) is not None:
                await anyio.sleep(0.005)
        assert (await run(context, await add_agent(context, tmp_path, "other"), "hi")).answer
        assert not trial.done.is_set()
        await context.approvals.decide(approval.approval_id, approve(approval))
        assert (await ended(trial)).state == "succeeded"
        changes = [e for e in await payloads(context, trial) if e["type"] == "circuit.changed"]
        assert [(change["scope"], change["state"]) for change in changes] == [("type", "closed")]


async def test_commands_of_the_users_are_no_one_program(tmp_path: Path) -> None:
    async with open_store(tmp_path / "new.db") as store:
        circuits = Circuits(store, BreakerSettings(agent_failures=1, type_failures=1))
        agents = [
            await store.agents.add(
                name, agent_type="custom", comm_mode="headless", options={"cwd": "/"}, now=NOW
            )
            for name in ("broken", "whole")
        ]
        died = RunOutcome(state=RunState.FAILED, code="cli_error")
        await circuits.record(agents[0], died, 0, set())
        assert circuits.open(agents[0]) is not None
        assert circuits.open(agents[1]) is None
