"""Every database call of a whole conversation fails once: no hang, no false acknowledgement.

By default each kind of statement once, and each commit; AGENT_RUNNER_EVERY_CALL=1 takes every
call with every code.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from agent_runner.api.application import build
from agent_runner.errors import UnavailableError
from conversation_store.sqlite import connection, writer
from conversation_store.sqlite.statements import statements
from conversation_store.sqlite.store import open_store
from conversation_store.states import RunState, is_terminal
from tests.conftest import Serving
from tests.helpers.faulty import CODES, Faulty, Plan, nth
from tests.helpers.rows import plain
from tests.runs.test_service import add_agent, ended, start, until

pytestmark = pytest.mark.anyio

HANG_S = 30
REFUSALS = {
    "disk_full",
    "database_locked",
    "database_unwritable",
    "database_corrupt",
    "internal",
    # What a refusal before it leads to.
    "nothing_to_cancel",
    "conversation_busy",
}


class Said:
    """What the service acknowledged: each must be found when the database is opened again."""

    def __init__(self) -> None:
        self.agents: set[str] = set()
        self.runs: dict[str, str] = {}
        self.deleted: set[str] = set()
        self.refused: list[str] = []


async def ask(
    client: httpx.AsyncClient, said: Said, method: str, path: str, body: Any = None
) -> Any:
    """The answer's JSON if it is 2xx; a refusal must name a known code."""
    answer = await client.request(method, path, json=body)
    if answer.is_success:
        return answer.json() if answer.content else {}
    said.refused.append(answer.json()["code"])
    return None


async def converse(client: httpx.AsyncClient, said: Said, cwd: Path) -> None:
    """Register, run twice, cancel, replay, delete."""
    body = {"agentId": "worker", "type": "claude-code", "cwd": str(cwd)}
    if await ask(client, said, "POST", "/agents/register", body) is None:
        return
    said.agents.add("worker")
    conversations: set[str] = set()
    for prompt in ("one", json.dumps([{"tool": "Bash", "input": {}}, {"text": "two"}])):
        run = await ask(client, said, "POST", "/agents/worker/execute", {"prompt": prompt})
        if run is not None:
            said.runs[run["runId"]] = run["status"]
            conversations.add(run["conversationId"])
            await client.get(f"/runs/{run['runId']}/events")
    here = cwd / "here"
    script = {"prompt": json.dumps([{"touch": str(here)}, {"hang": True}]), "timeoutMs": 1500}
    async with anyio.create_task_group() as tasks:

        async def hang() -> None:
            run = await ask(client, said, "POST", "/agents/worker/execute", script)
            if run is not None:
                said.runs[run["runId"]] = run["status"]
                conversations.add(run["conversationId"])
            here.touch()

        tasks.start_soon(hang)
        while not here.exists():
            await anyio.sleep(0.005)
        await ask(client, said, "POST", "/agents/worker/execute/cancel", {})
    for conversation in conversations:
        if await ask(client, said, "DELETE", f"/conversations/{conversation}") is not None:
            said.deleted.add(conversation)


def refusal_in(error: Exception) -> UnavailableError:
    """Why the service did not start: the one error in a group of any depth."""
    if isinstance(error, ExceptionGroup):
        (inner,) = error.exceptions
        return refusal_in(inner)
    assert isinstance(error, UnavailableError), repr(error)
    return error


async def play(serving: Serving, cwd: Path, said: Said) -> None:
    async with AsyncExitStack() as stack:
        try:
            context = await stack.enter_async_context(serving())
        except (UnavailableError, ExceptionGroup) as error:
            said.refused.append(refusal_in(error).code)
            return
        transport = httpx.ASGITransport(build(context, None))
        client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=None)
        await converse(await stack.enter_async_context(client), said, cwd)


async def check(database: Path, said: Said) -> None:
    """All that was acknowledged is there; nothing is broken."""
    deleted = said.deleted
    async with open_store(database) as store:
        assert said.agents <= {agent.agent_id for agent in await store.agents.all()}
        assert all(is_terminal(RunState(state)) for state in said.runs.values())
    with plain(database) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        kept = dict(connection.execute("SELECT run_id, state FROM runs"))
        known = {row[0] for row in connection.execute("SELECT conversation_id FROM conversations")}
        assert not deleted & known
        if not deleted:
            assert said.runs.items() <= kept.items()
        for conversation, last, count, most in connection.execute(
            "SELECT c.conversation_id, c.last_event_seq, count(e.seq), coalesce(max(e.seq), 0) "
            "FROM conversations c LEFT JOIN events e USING (conversation_id) GROUP BY 1"
        ):
            assert last == count == most, conversation


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(connection, "PLAIN", Faulty)
    monkeypatch.setattr(writer, "RETRY_S", 0.01)

    def plan(chosen: Plan) -> Plan:
        monkeypatch.setattr(Faulty, "plan", chosen)
        return chosen

    return plan


async def calls_of(serving: Serving, tmp_path: Path, fails: Any) -> list[str]:
    """The calls of a conversation in which none fails."""
    counted = fails(Plan(lambda *_: None))
    said = Said()
    await play(serving, tmp_path, said)
    assert said.refused == []
    assert len(said.runs) == 3
    assert len(said.deleted) == 1
    return list(counted.calls)


def chosen(calls: list[str]) -> list[tuple[int, str]]:
    """The numbers of the calls that are to fail, each with its code."""
    names = list(CODES)
    if os.environ.get("AGENT_RUNNER_EVERY_CALL"):
        return [(number, name) for number in range(1, len(calls) + 1) for name in names]
    last = {sql: number for number, sql in enumerate(calls, 1)}
    kinds = [(number, names[index % 4]) for index, number in enumerate(last.values())]
    return kinds + [(n, "CORRUPT") for n, sql in enumerate(calls, 1) if sql == "COMMIT"]


async def test_each_call_fails_once(
    serving: Serving, state_dir: Path, tmp_path: Path, fails: Any
) -> None:
    cases = chosen(await calls_of(serving, tmp_path, fails))
    refusals = 0
    for number, name in cases:
        shutil.rmtree(state_dir)
        (tmp_path / "here").unlink(missing_ok=True)
        plan = fails(nth(number, name))
        said = Said()
        told = f"{name} at call {number}"
        try:
            with anyio.fail_after(HANG_S):
                await play(serving, tmp_path, said)
        except TimeoutError as error:
            raise AssertionError(f"{told} hung: {plan.calls[number - 1]}") from error
        fails(Plan(lambda *_: None))
        assert set(said.refused) <= REFUSALS, told
        refusals += bool(said.refused)
        try:
            await check(state_dir / "agent-runner.db", said)
        except AssertionError as error:
            raise AssertionError(f"{told}: {plan.calls[number - 1]}") from error
    assert refusals, "the faults were noticed"


async def test_a_cancel_reaches_the_cli_though_the_run_cannot_be_written(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it does is stopped at once; the run's end waits for the database."""
    held = False
    begins = statements()["move_run"]
    monkeypatch.setattr(connection, "PLAIN", Faulty)
    monkeypatch.setattr(
        Faulty, "plan", Plan(lambda _, sql: "BUSY" if held and sql == begins else None)
    )
    here = tmp_path / "here"
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        await ended(await start(context, agent, "for a warm process"))
        held = True
        active = await start(context, agent, [{"touch": str(here)}, {"hang": True}])
        await until(here)
        await context.runs.cancel("worker", active.run_id)
        assert active.process is not None
        with anyio.fail_after(20):
            while not active.process.turn_over:
                await anyio.sleep(0.01)
        assert (await context.store.runs.get(active.run_id)).state == "queued"
        held = False
        assert (await ended(active)).state == "cancelled"
