"""SIGKILL at every named point of a run's life; then the books must be right."""

from __future__ import annotations

import contextlib
import json
import signal
import tempfile
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import httpx

from tests.chaos.deciding import Decider
from tests.conftest import Service
from tests.helpers.crashing import VARIABLE, names
from tests.helpers.world import (
    ORPHAN_LIMIT_S,
    Books,
    Table,
    make_service,
    nothing_left,
    wait_for,
)

TERMINAL = {"succeeded", "failed", "cancelled", "timed_out", "interrupted"}
HOLD_MS = 100
OFF_THE_WAY = {"tree_end"}
"""Calls that these runs do not make: a keeper must have been killed for it."""


class Patience:
    """Approves at once, but `later` only when its CLI has been ended for waiting."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def __call__(self, approval: dict[str, Any]) -> Literal["approve"] | None:
        """See `deciding.Rule`."""
        since = self._since.setdefault(approval["approvalId"], time.monotonic())
        later = approval["input"]["command"] == "later"
        return "approve" if not later or time.monotonic() > since + 5 * HOLD_MS / 1000 else None


def _live(service: Service, pids: Path, log: Path, memory: Path) -> list[str]:
    """A conversation that passes every point; the runs that were acknowledged."""
    acknowledged: list[str] = []
    forks = {"fork": 2, "daemon": True, "ignore_term": True, "pids": str(pids)}
    scripts = [
        [forks, {"tool": "Bash", "input": {}}, {"text": "one"}],
        [{"text": "two", "deltas": 3}],
        *(
            [{"ask": "Bash", "input": {"command": when}, "log": str(log)}, {"text": when}]
            for when in ("at once", "at once", "later")
        ),
        [{"die": 3}],
        [{"error": "Invalid API key", "status": 401}],
        [{"hang": True}],
    ]
    with contextlib.suppress(httpx.HTTPError, OSError):
        service.register(env={"SCRIPTED_MEMORY": str(memory)})
        for script in scripts:
            hangs = script == [{"hang": True}]
            body = {"prompt": json.dumps(script), "timeoutMs": 300 if hangs else 20_000}
            with (
                service.client(Accept="text/event-stream") as client,
                client.stream("POST", "/agents/worker/execute", json=body) as response,
            ):
                held = b""
                with contextlib.suppress(httpx.HTTPError):
                    for piece in response.iter_raw():
                        held += piece
                first = held.split(b"\n\n", 1)[0]
                if b"data: " in first:
                    acknowledged.append(json.loads(first.split(b"data: ", 1)[1])["runId"])
            with service.client() as client:
                client.post("/agents/worker/circuit/reset", json={})
        with service.client() as client:
            client.post("/agents/worker/end-session", json={})
    return acknowledged


def _calls(points: Iterable[str]) -> set[str]:
    return {point.split()[1] for point in points}


def _is_killed(service: Service) -> bool:
    return service.process.poll() == -signal.SIGKILL


def _all_ended(books: Books) -> bool:
    return set(books.states().values()) <= TERMINAL


def crashes(table: Table) -> None:
    """Every point once; a point that is never reached is told."""
    broken: list[str] = []
    unreached: list[str] = []
    points = names()
    for point in points:
        with tempfile.TemporaryDirectory(prefix="chaos") as name:
            folder = Path(name)
            pids, log, memory = folder / "pids", folder / "log", folder / "memory"
            memory.mkdir()
            service = make_service(
                folder, module="tests.helpers.crashing", cancel_grace_ms=300, hold_ms=HOLD_MS
            )
            decider = Decider(service, Patience())
            service.env[VARIABLE] = point
            with contextlib.suppress(AssertionError):
                service.start()
            decider.start()
            acknowledged = _live(service, pids, log, memory)
            died = wait_for(partial(_is_killed, service), 1.0)
            if not died:
                unreached.append(point)
            hidden = [int(pid) for pid in pids.read_text().split()] if pids.exists() else []
            if died and not wait_for(partial(nothing_left, folder, hidden), ORPHAN_LIMIT_S):
                broken.append(f"{point}: processes left")
            del service.env[VARIABLE]
            service.stop()
            service.start()
            books = Books(service.state_dir)
            wait_for(partial(_all_ended, books), 20.0)
            states, ends = books.states(), books.ends()
            approved = books.ask("SELECT count(*) FROM approvals WHERE state = 'approved'")[0][0]
            if len(log.read_text().splitlines() if log.exists() else ()) > approved:
                broken.append(f"{point}: a call ran without its approval")
            if books.ask("SELECT count(*) FROM approvals WHERE state = 'pending'")[0][0]:
                broken.append(f"{point}: an approval is left")
            if not books.intact() or books.bad_sequences():
                broken.append(f"{point}: database")
            if set(acknowledged) - set(states):
                broken.append(f"{point}: a run was lost")
            if any(s not in TERMINAL for s in states.values()) or any(
                ends.get(r, 0) != 1 for r in states
            ):
                broken.append(f"{point}: a run has not one end")
            service.register(env={"SCRIPTED_MEMORY": str(memory)})
            with service.client() as client:
                client.post("/agents/worker/circuit/reset", json={})
            # No plain text: the CLI's session would go on with what it had left to do.
            answer = service.run([{"text": "hello"}])
            if answer.json().get("content") != "hello":
                broken.append(f"{point}: no further run ({answer.text[:80]})")
            decider.over = True
            decider.join(10)
            service.stop()
    table.row("named crash points", len(points))
    table.row("  of them reached and died at", len(points) - len(unreached))
    table.row(f"  not on the way of these runs: {', '.join(unreached)}", len(unreached))
    never = _calls(points) - _calls(set(points) - set(unreached)) - OFF_THE_WAY
    table.row(f"  calls never reached: {', '.join(sorted(never))}", len(never), "0", ok=not never)
    table.row("  points after which a promise was broken", len(broken), "0", ok=not broken)
    for line in broken:
        table.row(f"    {line}", "")
