"""SIGKILL of the service at random moments, with eight busy agents."""

from __future__ import annotations

import json
import random
import tempfile
import threading
import time
import uuid
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from tests.conftest import Script, Service
from tests.helpers.world import (
    ORPHAN_LIMIT_S,
    Books,
    Table,
    make_service,
    nothing_left,
    wait_for,
)

AGENTS = 8
TYPES = ("claude-code", "claude-code", "gemini", "factory-droid")
TERMINAL = {"succeeded", "failed", "cancelled", "timed_out", "interrupted"}


class Caller(threading.Thread):
    """Sends prompts to one agent, one after the other, whatever becomes of the service."""

    def __init__(self, service: Service, agent: str, folder: Path, seed: int) -> None:
        super().__init__(daemon=True)
        self.service, self.agent = service, agent
        self.pids = folder / f"{agent}.pids"
        self.random = random.Random(seed)
        self.acknowledged: set[str] = set()
        self.seen: dict[tuple[str, int], bytes] = {}
        self.differing = 0
        self.over = False

    def run(self) -> None:
        """Prompt until told to stop."""
        while not self.over:
            try:
                self._prompt(uuid.uuid4().hex)
            except (httpx.HTTPError, OSError):
                time.sleep(0.02)

    def _prompt(self, key: str) -> None:
        body = {"prompt": json.dumps(self._script())}
        headers = {"Accept": "text/event-stream", "Idempotency-Key": key}
        with (
            self.service.client(**headers) as client,
            client.stream("POST", f"/agents/{self.agent}/execute", json=body) as response,
        ):
            if response.status_code != 200:
                time.sleep(0.02)
                return
            held = b""
            for piece in response.iter_raw():
                *blocks, held = (held + piece).split(b"\n\n")
                for block in blocks:
                    self._note(block)

    def _note(self, block: bytes) -> None:
        lines = block.split(b"\n")
        if not lines[0].startswith(b"id: "):
            return
        event = json.loads(lines[-1].removeprefix(b"data: "))
        if event["type"] == "run.queued":
            self.acknowledged.add(event["runId"])
        place = (event["conversationId"], event["seq"])
        self.differing += self.seen.setdefault(place, block) != block

    def _script(self) -> Script:
        pick = self.random.random()
        text: Script = [{"text": "word " * self.random.randint(1, 200), "deltas": 10}]
        tool: Script = [
            {"tool": "Bash", "input": {"n": n}, "output": "x" * self.random.randint(0, 2000)}
            for n in range(self.random.randint(1, 30))
        ]
        if pick < 0.5:
            return [*tool, *text]
        fork: dict[str, Any] = {"fork": 3, "daemon": True, "pids": str(self.pids)}
        if pick < 0.7:
            return [{**fork, "ignore_term": True}, *tool, *text]
        if pick < 0.8:
            return [{**fork, "clear_env": True}, *text]
        return [{"beat": self.random.randint(1, 40), "every_ms": 10}, *tool, *text]


def kills(table: Table, count: int, seed: int) -> None:
    """Kill the service `count` times and hold what is left against the promises."""
    chance = random.Random(seed)
    lost = bad = orphans = damaged = unended = double = 0
    slowest_start = slowest_end = 0.0
    with tempfile.TemporaryDirectory(prefix="chaos") as name:
        folder = Path(name)
        service = make_service(folder, queue_wait_ms=60_000)
        service.start()
        callers = []
        for number in range(AGENTS):
            agent = f"agent-{number}"
            service.register(agent, type=TYPES[number % len(TYPES)])
            callers.append(Caller(service, agent, folder, seed + number))
        for caller in callers:
            caller.start()
        books = Books(service.state_dir)
        for _ in range(count):
            time.sleep(chance.uniform(0.05, 1.0))
            service.process.kill()
            service.process.wait()
            begun = time.monotonic()
            pids = [int(pid) for c in callers for pid in _lines(c.pids)]
            gone = wait_for(partial(nothing_left, folder, pids), 10.0)
            took = time.monotonic() - begun
            slowest_end = max(slowest_end, took)
            orphans += not gone or took > ORPHAN_LIMIT_S
            for caller in callers:
                caller.pids.unlink(missing_ok=True)
            damaged += not books.intact()
            bad += books.bad_sequences()
            service.stop()
            begun = time.monotonic()
            service.start(until="  token")
            slowest_start = max(slowest_start, time.monotonic() - begun)
        for caller in callers:
            caller.over = True
        wait_for(lambda: set(books.states().values()) <= TERMINAL, 60.0)
        service.stop()
        for caller in callers:
            caller.join(10)
        states, ends = books.states(), books.ends()
        for caller in callers:
            lost += len(caller.acknowledged - set(states))
        unended = sum(state not in TERMINAL for state in states.values())
        double = sum(ends.get(run_id, 0) != 1 for run_id in states)
        gaps, differing = _compare(books, callers)
    acknowledged = sum(len(caller.acknowledged) for caller in callers)
    table.row(f"kill -9 of the service, {AGENTS} agents busy: kills", count)
    table.row("  runs acknowledged and seen", acknowledged)
    table.row("  acknowledged runs lost", lost, "0", ok=lost == 0)
    table.row("  runs without an end, or with two", unended + double, "0", ok=not unended + double)
    table.row("  sequences with a gap or a duplicate", bad, "0", ok=bad == 0)
    table.row(
        "  events seen that the store lacks or has otherwise",
        gaps + differing,
        "0",
        ok=gaps + differing == 0,
    )
    table.row("  integrity_check not ok", damaged, "0", ok=damaged == 0)
    table.row("  kills with a process left after 2 s", orphans, "0", ok=orphans == 0)
    table.row("  slowest end of all processes, s", f"{slowest_end:.2f}")
    table.row("  slowest start, s", f"{slowest_start:.2f}")
    runs = {state: list(states.values()).count(state) for state in sorted(set(states.values()))}
    table.row("  runs by state", " ".join(f"{state}:{n}" for state, n in runs.items()))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except FileNotFoundError:
        return []


def _compare(books: Books, callers: list[Caller]) -> tuple[int, int]:
    """Events that a client has seen and the store lacks, and those that differ."""
    stored = {
        (conversation, seq): bytes(payload)
        for conversation, seq, payload in books.ask(
            "SELECT conversation_id, seq, payload FROM events"
        )
    }
    missing = differing = 0
    for caller in callers:
        differing += caller.differing
        for place, block in caller.seen.items():
            if place not in stored:
                missing += 1
            # The frame's JSON is the event's place, then the very bytes that were stored.
            elif not block.endswith(stored[place][1:]):
                differing += 1
    return missing, differing
