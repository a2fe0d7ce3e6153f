"""`make soak`: steady mixed work, and what it leaves behind in the service."""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.conftest import Script, Service
from tests.helpers.world import Books, Table, make_service, nothing_left, wait_for

AGENTS = 8
TYPES = ("claude-code", "claude-code", "gemini", "factory-droid")
WARM_UP_SHARE = 0.2
SAMPLE_S = 2.0
# A Gemini session is not resumed in the minute of its creation: its next prompt waits.
PATIENCE_S = 120.0
THREAD_IDLE_S = 11.0
LONGEST_WAL = 64 << 20
BACKUP_AT = 0.8
NIGHT_AFTER_S = 90.0
BACKUP_TIMEOUT_S = 3600.0


class Worker(threading.Thread):
    """One agent's user: prompts, cancels, leaves streams, ends sessions."""

    def __init__(self, service: Service, agent: str, seed: int) -> None:
        super().__init__(daemon=True)
        self.service, self.agent = service, agent
        self.random = random.Random(seed)
        self.ends: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.over = False

    def run(self) -> None:
        """Work until told to stop."""
        while not self.over:
            try:
                self._work()
            except (httpx.HTTPError, OSError) as error:
                self.errors[type(error).__name__] += 1

    def _work(self) -> None:
        pick = self.random.random()
        if pick < 0.55:
            self._prompt(self._script())
        elif pick < 0.75:
            self._leave_a_stream()
        elif pick < 0.9:
            self._cancel()
        elif pick < 0.95:
            self._prompt([{"die": self.random.choice([0, 1, -9])}])
        else:
            with self.service.client() as client:
                client.post(f"/agents/{self.agent}/end-session", json={})

    def _script(self) -> Script:
        size = self.random.choice([10, 1000, 100_000])
        forks: Script = [{"fork": 2, "daemon": True}] if self.random.random() < 0.2 else []
        return [*forks, {"tool": "Bash", "input": {}, "output": "x" * size}, {"big": size}]

    def _prompt(self, script: Script) -> None:
        with self.service.client() as client:
            client.timeout = httpx.Timeout(PATIENCE_S)
            prompt = {"prompt": json.dumps(script)}
            body = client.post(f"/agents/{self.agent}/execute", json=prompt).json()
        self.ends[body.get("status") if "runId" in body else str(body.get("code"))] += 1

    def _leave_a_stream(self) -> None:
        body = {"prompt": json.dumps([*self._script(), {"beat": 5, "every_ms": 5}])}
        with (
            self.service.client(Accept="text/event-stream") as client,
            client.stream(
                "POST", f"/agents/{self.agent}/execute", json=body, timeout=PATIENCE_S
            ) as response,
        ):
            for number, _ in enumerate(response.iter_raw()):
                if number > self.random.randint(0, 5):
                    break
        self.ends["left"] += 1

    def _cancel(self) -> None:
        body = {"prompt": json.dumps([{"text": "begun"}, {"hang": True}])}
        with (
            self.service.client(Accept="text/event-stream") as client,
            client.stream(
                "POST", f"/agents/{self.agent}/execute", json=body, timeout=PATIENCE_S
            ) as response,
        ):
            for piece in response.iter_raw():
                if b"event: message." in piece:
                    client.post(f"/agents/{self.agent}/execute/cancel", json={}, timeout=30)
        self.ends["cancel"] += 1


class Sample:
    """The service at one moment."""

    def __init__(self, service: Service) -> None:
        process = psutil.Process(service.process.pid)
        self.rss = process.memory_info().rss
        self.descriptors = process.num_fds()
        self.threads = process.num_threads()
        children = process.children(recursive=True)
        self.zombies = sum(_is_zombie(child) for child in children)
        wal = service.state_dir / "agent-runner.db-wal"
        self.wal = wal.stat().st_size if wal.exists() else 0


def _is_zombie(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _at_rest(service: Service) -> Sample:
    """A sample when nothing runs and the dust has settled."""
    with service.client() as client:
        for number in range(AGENTS):
            client.post(f"/agents/agent-{number}/end-session", json={})
        wait_for(lambda: not _children(service), 20)
        # A worker thread that was idle for so long leaves when one is next asked for.
        time.sleep(THREAD_IDLE_S)
        client.get("/agents/processes/status").raise_for_status()
    return Sample(service)


def _children(service: Service) -> list[psutil.Process]:
    """What the service has running besides its warden, and the keepers and held processes of it."""
    found = psutil.Process(service.process.pid).children(recursive=True)
    return [process for process in found if not _is_a_keeper(process)]


def _is_a_keeper(process: psutil.Process) -> bool:
    try:
        return any(word.endswith("keeper.py") for word in process.cmdline())
    except psutil.Error:  # it has just gone
        return True


def soak(minutes: float, seed: int) -> int:
    """Work for `minutes`; the number of thresholds missed."""
    table = Table()
    with tempfile.TemporaryDirectory(prefix="soak") as name:
        folder = Path(name)
        service = make_service(
            folder, cancel_grace_ms=2000, hour=datetime.now().astimezone().hour, **_limits()
        )
        service.start()
        workers = []
        for number in range(AGENTS):
            agent = f"agent-{number}"
            service.register(agent, type=TYPES[number % len(TYPES)])
            workers.append(Worker(service, agent, seed + number))
        first = _pause(workers, service, minutes * 60 * WARM_UP_SHARE)
        samples: list[Sample] = []
        last = _pause(workers, service, minutes * 60 * (1 - WARM_UP_SHARE), samples)
        with service.client() as client:
            care = client.get("/api/integrity/stats").raise_for_status().json()
        books = Books(service.state_dir)
        ends = sum((worker.ends for worker in workers), Counter())
        errors = sum((worker.errors for worker in workers), Counter())
        service.stop()
        left = not wait_for(lambda: nothing_left(folder, []), 5)
        table.row("minutes, of which warm-up", f"{minutes:g}, {minutes * WARM_UP_SHARE:g}")
        table.row("requests by end", " ".join(f"{k}:{n}" for k, n in sorted(ends.items())))
        table.row("requests that failed in transport", dict(errors) or 0, "0", ok=not errors)
        growth = last.rss / first.rss - 1
        table.row("resident memory at rest: after warm-up, MiB", f"{first.rss / 2**20:.1f}")
        table.row("  at the end, MiB", f"{last.rss / 2**20:.1f}")
        table.row("  growth", f"{growth:+.1%}", "< 5 %", ok=growth < 0.05)
        busy = [sample.rss for sample in samples]
        table.row(
            "  while busy: median and most, MiB",
            f"{statistics.median(busy) / 2**20:.0f}, {max(busy) / 2**20:.0f}",
        )
        for what in ("descriptors", "threads"):
            before, after = getattr(first, what), getattr(last, what)
            table.row(
                f"{what} at rest: after warm-up, at the end",
                f"{before}, {after}",
                "the same",
                ok=after <= before,
            )
        zombies = last.zombies
        table.row("zombies at rest", zombies, "0", ok=zombies == 0)
        wal = max(sample.wal for sample in [*samples, last])
        table.row("write-ahead log, most MiB", f"{wal / 2**20:.1f}", "<= 64", ok=wal <= LONGEST_WAL)
        checked, copies = care["lastCheck"], care["backups"]["count"]
        by_itself = int(minutes * 60 > NIGHT_AFTER_S)
        table.row(
            "backups made meanwhile: by hand, and in the night's hour",
            copies,
            str(1 + by_itself),
            ok=copies == 1 + by_itself,
        )
        table.row(
            "  the check in the night's hour found",
            checked["counts"] if checked else "not made",
            "{}",
            ok=not by_itself or (checked is not None and checked["ok"]),
        )
        table.row("processes left after the stop", int(left), "0", ok=not left)
        table.row(
            "database intact, sequences whole",
            books.intact() and not books.bad_sequences(),
            "True",
            ok=books.intact() and not books.bad_sequences(),
        )
        states = books.states()
        over = {"succeeded", "failed", "cancelled", "timed_out", "interrupted"}
        unended = sum(state not in over for state in states.values())
        table.row(f"of {len(states)} runs without an end", unended, "0", ok=unended == 0)
    sys.stdout.write("missed: none\n" if not table.missed else f"missed: {table.missed}\n")
    return table.missed


def _limits() -> dict[str, Any]:
    return {"agent_bytes": 20 << 20, "agent_runs": 50, "session_idle_ms": 3000}


def _pause(
    workers: list[Worker], service: Service, seconds: float, samples: list[Sample] | None = None
) -> Sample:
    """Work for `seconds`, then come to rest."""
    at_work = [
        Worker(worker.service, worker.agent, worker.random.random().__hash__())
        for worker in workers
    ]
    for worker in at_work:
        worker.start()
    until = time.monotonic() + seconds
    backup = threading.Timer(seconds * BACKUP_AT, _back_up, [service])
    if samples is not None:
        backup.start()
    while time.monotonic() < until:
        time.sleep(min(SAMPLE_S, max(0.0, until - time.monotonic())))
        if samples is not None:
            samples.append(Sample(service))
    for worker, kept in zip(at_work, workers, strict=True):
        worker.over = True
        worker.join(PATIENCE_S)
        kept.ends += worker.ends
        kept.errors += worker.errors
    if samples is not None:
        backup.join()
    return _at_rest(service)


def _back_up(service: Service) -> None:
    with service.client() as client:
        client.post("/api/integrity/backup", json={}, timeout=BACKUP_TIMEOUT_S).raise_for_status()


def main() -> int:
    """Parse the options; 1 if a threshold was missed."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="how long [10]")
    parser.add_argument("--hours", type=float, help="how long, for the patient")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    return min(1, soak(asked.hours * 60 if asked.hours else asked.minutes, asked.seed))


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
