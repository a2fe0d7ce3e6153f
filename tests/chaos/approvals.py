"""Decisions from every surface at once, and kill -9 while questions are open."""

from __future__ import annotations

import json
import random
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import anyio
import anyio.to_thread
import httpx

from agent_runner.cli import approvals as command
from agent_runner.client.events import Watcher
from agent_runner.client.http import Client, ServiceProblemError
from agent_runner.quoting import path
from tests.chaos.deciding import Decider
from tests.conftest import Service
from tests.helpers.world import Books, Table, make_service, wait_for

LANES = 8
ASKS = 25
TERMINAL = {"succeeded", "failed", "cancelled", "timed_out", "interrupted"}
LATE = {"approval_decided", "approval_expired", "approval_voided"}
# What the agents of half the lanes give a question, in ms: about as long as deciding takes.
LIVES = (40, 80, 120, 160)


class Race:
    """Three surfaces and the clock decide on whatever is asked, until enough was."""

    def __init__(self, service: Service, folder: Path, count: int, seed: int) -> None:
        self._service, self._folder = service, folder
        self._chance = random.Random(seed)
        self.left = count
        self.wins: dict[str, list[str]] = {}
        self.wrong: list[str] = []
        self.answers: Counter[str] = Counter()
        self._clients = threading.local()

    async def run(self) -> None:
        """Have all of it asked and decided."""
        service = self._service
        headers = {"Authorization": f"Bearer {service.token}"}
        async with (
            Watcher(service.url, service.token) as self._tui,
            httpx.AsyncClient(base_url=service.url, headers=headers, timeout=None) as self._http,
            anyio.create_task_group() as tasks,
        ):
            after = (await self._tui.get("/approvals"))["lastEventSeq"]
            tasks.start_soon(self._decide_all, after)
            async with anyio.create_task_group() as lanes:
                for number in range(LANES):
                    lanes.start_soon(self._lane, f"lane-{number}")
            tasks.cancel_scope.cancel()

    async def _lane(self, agent: str) -> None:
        number = 0
        while self.left > 0:
            asks = min(ASKS, self.left)
            self.left -= asks
            log = str(self._folder / "log")
            script = [
                {"ask": "Bash", "input": {"command": f"{agent} {number + n}"}, "log": log}
                for n in range(asks)
            ]
            number += asks
            answer = await self._http.post(
                f"/agents/{agent}/execute", json={"prompt": json.dumps(script)}
            )
            if answer.json().get("success") is not True:
                self.wrong.append(answer.text[:200])

    async def _decide_all(self, after: int) -> None:
        async with anyio.create_task_group() as tasks:
            async for event in self._tui.follow("/approvals/events", after):
                if event is not None and event["type"] == "approval.requested":
                    tasks.start_soon(self._race, event["approval"])

    async def _race(self, approval: dict[str, Any]) -> None:
        self.wins[approval["approvalId"]] = []
        lane = int(approval["agentId"].removeprefix("lane-"))
        spread = LIVES[lane] / 1000 if lane < len(LIVES) else 0.004
        async with anyio.create_task_group() as tasks:
            for surface in self._chance.sample(["http", "cli", "tui"], 3):
                wait = self._chance.uniform(0, spread)
                word = self._chance.choice(["approve", "reject"])
                tasks.start_soon(self._decide, surface, approval, word, wait)

    async def _decide(self, surface: str, approval: dict[str, Any], word: str, wait: float) -> None:
        await anyio.sleep(wait)
        # Another message is another decision: the second of two equal ones would be welcome.
        fields = {
            "decision": word,
            "message": f"by {surface}",
            "inputHash": approval["inputHash"],
        }
        where = path("approvals", approval["approvalId"], "decide")
        try:
            if surface == "tui":
                await self._tui.send(where, {**fields, "by": surface, "via": "tui"})
            elif surface == "cli":
                await anyio.to_thread.run_sync(self._by_command, approval["approvalId"], fields)
            else:
                answer = await self._http.post(where, json={**fields, "by": surface})
                if answer.is_error:
                    raise ServiceProblemError(answer.json(), answer.status_code)
        except ServiceProblemError as error:
            self.answers[error.code] += 1
            if error.code not in LATE:
                self.wrong.append(f"{surface}: {error.code} {error.message}")
        else:
            self.wins[approval["approvalId"]].append(surface)
            self.answers[surface] += 1

    def _by_command(self, approval_id: str, fields: dict[str, Any]) -> None:
        if not hasattr(self._clients, "service"):
            self._clients.service = Client(self._service.url, self._service.token)
        command._decide(self._clients.service, approval_id, fields, "cli")


def _lines(log: Path) -> Counter[str]:
    """How often each command ran."""
    if not log.exists():
        return Counter()
    return Counter(json.loads(line)["command"] for line in log.read_text().splitlines())


def decisions(table: Table, count: int, seed: int) -> None:
    """Race `count` decisions over four surfaces."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chaos") as name:
        folder = Path(name)
        service = make_service(folder)
        service.start()
        for number in range(LANES):
            more = {"approvalExpiresMs": LIVES[number]} if number < len(LIVES) else {}
            service.register(f"lane-{number}", **more)
        race = Race(service, folder, count, seed)
        anyio.run(race.run)
        service.stop()
        rows = Books(service.state_dir).ask(
            "SELECT approval_id, json_extract(input, '$.command'), state, decided_via"
            " FROM approvals"
        )
        ran = _lines(folder / "log")
    not_one = undelivered = 0
    for approval_id, asked, state, via in rows:
        wins = race.wins.get(approval_id, [])
        not_one += wins != ([] if state == "expired" else [via])
        undelivered += ran[asked] != (state == "approved")
    table.row("decisions raced by HTTP, command (in threads), TUI client, expiry", len(rows),
              f">= {count}", ok=len(rows) >= count)  # fmt: skip
    table.row("  approvals without exactly one decision", not_one, "0", ok=not_one == 0)
    table.row("  of which the CLI did not do just that, once", undelivered, "0",
              ok=undelivered == 0)  # fmt: skip
    wrong = len(race.wrong)
    table.row("  losers that were not told 409 or 410", wrong, "0", ok=wrong == 0)
    for line in race.wrong[:3]:
        table.row(f"    {line}", "")
    won = Counter(via for _, _, _, via in rows)
    table.row("  decided by", " ".join(f"{via}:{n}" for via, n in sorted(won.items())))
    table.row("  seconds", f"{time.monotonic() - begun:.0f}")


class Asker(threading.Thread):
    """Has one agent ask, again and again, whatever becomes of the service."""

    def __init__(self, service: Service, agent: str, log: Path) -> None:
        super().__init__(daemon=True)
        self._service, self._agent, self._log = service, agent, log
        self.over = False

    def run(self) -> None:
        """Prompt until told to stop."""
        number = 0
        while not self.over:
            number += 3
            script = [
                {"ask": "Bash", "input": {"command": f"{self._agent} {n}"}, "log": str(self._log)}
                for n in range(number, number + 3)
            ]
            try:
                self._service.run([*script, {"text": "done"}], self._agent)
            except (httpx.HTTPError, OSError):
                time.sleep(0.02)


def _word(approval: dict[str, Any]) -> Literal["approve", "reject"] | None:
    """Every seventh command is rejected; a third of the rest is left waiting for a while."""
    number = int(approval["input"]["command"].split()[1])
    if number % 3 == 0 and approval["extensions"] == 0 and random.random() < 0.9:
        return None
    return "reject" if number % 7 == 0 else "approve"


def open_questions(table: Table, count: int, seed: int) -> None:
    """Kill the service `count` times while agents ask and somebody decides."""
    chance = random.Random(seed)
    damaged = 0
    with tempfile.TemporaryDirectory(prefix="chaos") as name:
        folder = Path(name)
        log, memory = folder / "log", folder / "memory"
        memory.mkdir()
        service = make_service(folder, queue_wait_ms=600_000)
        service.start()
        askers = []
        for number in range(4):
            agent = f"agent-{number}"
            service.register(agent, env={"SCRIPTED_MEMORY": str(memory)})
            askers.append(Asker(service, agent, log))
        decider = Decider(service, _word)
        for thread in (*askers, decider):
            thread.start()
        books = Books(service.state_dir)
        held = 0
        for _ in range(count):
            time.sleep(chance.uniform(0.05, 1.0))
            service.process.kill()
            service.process.wait()
            damaged += not books.intact()
            held += books.ask("SELECT count(*) FROM approvals WHERE state = 'pending'")[0][0]
            service.stop()
            service.start(until="  token")
        for asker in askers:
            asker.over = True
        over = wait_for(lambda: set(books.states().values()) <= TERMINAL, 120.0)
        decider.over = True
        decider.join(30)
        service.stop()
        for asker in askers:
            asker.join(10)
        ends = books.ends()
        hanging = sum(ends.get(run, 0) != 1 for run in books.states())
        rows = books.ask(
            "SELECT json_extract(input, '$.command'), state, count(*) FROM approvals GROUP BY 1, 2"
        )
        pending = sum(n for _, state, n in rows if state == "pending")
        approved = Counter({asked: n for asked, state, n in rows if state == "approved"})
        ran = _lines(log)
    twice = sum(times > approved[asked] for asked, times in ran.items() if approved[asked])
    unasked = sum(not approved[asked] for asked in ran)
    table.row("kill -9 while questions are open: kills", count)
    table.row("  approvals; open at a kill; calls that ran",
              f"{sum(n for _, _, n in rows)}; {held}; {sum(ran.values())}")  # fmt: skip
    table.row("  approved calls that ran more often than approved", twice, "0", ok=twice == 0)
    table.row("  calls that ran and were not approved", unasked, "0", ok=unasked == 0)
    refused = len(decider.refused)
    table.row("  decisions refused, but not as too late", refused, "0", ok=refused == 0)
    left = pending + hanging + (not over)
    table.row("  left pending, or runs without one end", left, "0", ok=left == 0)
    table.row("  integrity_check not ok", damaged, "0", ok=damaged == 0)
