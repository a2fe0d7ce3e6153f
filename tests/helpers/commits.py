"""Whether a commit waits for the disk."""

from __future__ import annotations

import sqlite3
from typing import Any, ClassVar

import pytest

from conversation_store.sqlite import connection

# What `PRAGMA synchronous` answers.
NORMAL, FULL = 1, 2


class Watched(sqlite3.Connection):
    """Notes how SQLite is set to treat the disk at each commit, and at those of `of_runs`."""

    commits: ClassVar[list[int]] = []
    of_runs: ClassVar[list[int]] = []
    _accepts = False

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        self._accepts |= "INSERT INTO runs" in sql
        if sql == "COMMIT":
            level = super().execute("PRAGMA synchronous").fetchone()[0]
            self.commits.append(level)
            if self._accepts:
                self.of_runs.append(level)
            self._accepts = False
        return super().execute(sql, *args)


def watch_commits(monkeypatch: pytest.MonkeyPatch) -> type[Watched]:
    """What the stores that this test opens from now on commit."""
    monkeypatch.setattr(connection, "PLAIN", Watched)
    monkeypatch.setattr(Watched, "commits", [])
    monkeypatch.setattr(Watched, "of_runs", [])
    return Watched
