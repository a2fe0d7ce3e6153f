"""A service with scripted CLIs to be mistreated, and the eyes that look at what is left."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from agent_runner.process.identity import MARKER
from tests.conftest import SCRIPTED, Service, sections

ORPHAN_LIMIT_S = 2.0


class Table:
    """Measured beside its threshold, a row at a time; knows whether any was missed."""

    def __init__(self) -> None:
        self.missed = 0
        sys.stdout.write(f"{'measure':<62}{'measured':>14}  threshold\n")

    def row(
        self, what: str, measured: object, threshold: str = "", *, ok: bool | None = None
    ) -> None:
        """Print a row; `ok` None is a figure without a threshold."""
        verdict = "" if ok is None else "met" if ok else "MISSED"
        self.missed += ok is False
        sys.stdout.write(f"{what:<62}{measured!s:>14}  {threshold:<24}{verdict}\n")
        sys.stdout.flush()


def scripted(folder: Path) -> dict[str, str]:
    """The scripted CLIs as executables in `folder`, by agent type."""
    found = {}
    for agent_type, name in (
        ("claude-code", "claude"),
        ("gemini", "gemini"),
        ("factory-droid", "droid"),
    ):
        path = folder / name
        path.write_text(
            f'#!/bin/sh\nexec "{sys.executable}" -I -S "{SCRIPTED}" --dialect={name} "$@"\n'
        )
        path.chmod(0o755)
        found[agent_type] = str(path)
    return found


def make_service(folder: Path, module: str = "agent_runner.cli.main", **settings: Any) -> Service:
    """A service in `folder`, not started; `module` is what runs as its program."""
    config = folder / "config.yaml"
    config.write_text(
        json.dumps(
            {
                "allowed_roots": [str(folder)],
                "programs": scripted(folder),
                **sections(**{"agent_failures": 1000, "type_failures": 1000, **settings}),
            }
        )
    )
    argv = [sys.executable, "-m", module, "serve", "--port", "0"]
    argv += ["--state-dir", str(folder / "state"), "--config", str(config)]
    root = str(Path(__file__).parents[2])
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": root}
    return Service(argv, env, folder)


def marked_processes(home: Path) -> list[int]:
    """Living processes of the service that runs in `home`, by what is in their environment."""
    needles = (f"HOME={home}\0".encode(), f"{MARKER}=".encode())
    found = []
    for process in psutil.process_iter():
        try:
            environ = Path(f"/proc/{process.pid}/environ").read_bytes()
            marked = all(needle in environ for needle in needles)
            if marked and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (OSError, psutil.Error):
            continue
    return found


def lives(pid: int) -> bool:
    """True for a process that is no zombie: an init that never reaps leaves some."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def living(pids: list[int]) -> list[int]:
    """Those of `pids` that live."""
    return [pid for pid in pids if lives(pid)]


def nothing_left(home: Path, pids: list[int]) -> bool:
    """True if nothing that a service started lives, nor any of `pids`."""
    return not marked_processes(home) and not living(pids)


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until `condition` holds; False if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


class Books:
    """The database, read behind the service's back."""

    def __init__(self, state: Path) -> None:
        self._path = state / "agent-runner.db"

    def ask(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """The rows of one statement."""
        connection = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=10)
        try:
            return connection.execute(sql, parameters).fetchall()
        finally:
            connection.close()

    def intact(self) -> bool:
        """True if the database itself finds no damage."""
        return self.ask("PRAGMA integrity_check") == [("ok",)] and not self.ask(
            "PRAGMA foreign_key_check"
        )

    def bad_sequences(self) -> int:
        """Conversations whose events have a gap, a duplicate or another count than is noted."""
        return len(
            self.ask(
                """SELECT c.conversation_id FROM conversations c LEFT JOIN events e
                USING (conversation_id) GROUP BY c.conversation_id
                HAVING count(e.seq) <> c.last_event_seq
                OR coalesce(max(e.seq), 0) <> c.last_event_seq
                OR count(DISTINCT e.seq) <> count(e.seq)"""
            )
        )

    def states(self) -> dict[str, str]:
        """The state of every run."""
        return dict(self.ask("SELECT run_id, state FROM runs"))

    def ends(self) -> dict[str, int]:
        """How many ends each run has been told."""
        return dict(
            self.ask(
                "SELECT run_id, count(*) FROM events WHERE type = 'run.finished' GROUP BY run_id"
            )
        )
