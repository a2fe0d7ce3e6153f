"""A database whose calls can be made to fail: what `sqlite.connection.PLAIN` may be.

Every statement that reaches SQLite is a call, and so is opening the file, on whichever
connection. A failing call does nothing and raises as SQLite would.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from typing import Any, ClassVar

import anyio

from conversation_store.sqlite.store import Store
from conversation_store.states import StoreState

CODES = {
    "BUSY": sqlite3.SQLITE_BUSY,
    "FULL": sqlite3.SQLITE_FULL,
    "IOERR": sqlite3.SQLITE_IOERR,
    "CORRUPT": sqlite3.SQLITE_CORRUPT,
}


def error(name: str) -> sqlite3.OperationalError:
    """What sqlite3 raises when SQLite answers with this code."""
    made = sqlite3.OperationalError(f"injected {name}")
    made.sqlite_errorcode = CODES[name]
    made.sqlite_errorname = f"SQLITE_{name}"
    return made


class Plan:
    """Which calls fail: `fails` gets a call's number, from 1, and its SQL, and names the code."""

    def __init__(self, fails: Callable[[int, str], str | None]) -> None:
        self._fails = fails
        self._lock = threading.Lock()
        self.calls: list[str] = []

    def meet(self, sql: str) -> None:
        """Note a call; raise if it is to fail."""
        with self._lock:
            self.calls.append(sql)
            name = self._fails(len(self.calls), sql)
        if name is not None:
            raise error(name)


def nth(number: int, name: str) -> Plan:
    """The plan in which just the call `number` fails with the code `name`."""
    return Plan(lambda n, _: name if n == number else None)


class Faulty(sqlite3.Connection):
    """Asks the class's plan before each call."""

    plan: ClassVar[Plan] = Plan(lambda *_: None)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.plan.meet("open")
        super().__init__(*args, **kwargs)

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        self.plan.meet(sql)
        return super().execute(sql, *args)

    def executemany(self, sql: str, *args: Any) -> sqlite3.Cursor:
        self.plan.meet(sql)
        return super().executemany(sql, *args)

    def executescript(self, script: str) -> sqlite3.Cursor:
        self.plan.meet(script)
        return super().executescript(script)

    def blobopen(self, *args: Any, **kwargs: Any) -> sqlite3.Blob:
        self.plan.meet("blobopen")
        return super().blobopen(*args, **kwargs)


async def in_state(store: Store, state: StoreState) -> None:
    """Wait until the store is in this state."""
    with anyio.fail_after(10):
        while store.health.state is not state:
            await store.health.changed()
