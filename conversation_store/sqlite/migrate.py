"""Brings a database to the newest schema, in one transaction per migration.

The version is SQLite's `user_version`: the number of the last migration applied. A killed
migration leaves the old schema; a newer schema than this code knows is refused.
"""

from __future__ import annotations

import sqlite3
from importlib.resources import files

from conversation_store.errors import StoreUnusableError
from conversation_store.sqlite.search_text import define
from conversation_store.states import TERMINAL, RunState


def migrations() -> list[tuple[int, str]]:
    """Every migration as (number, SQL), in order."""
    folder = files("conversation_store.sqlite").joinpath("migrations")
    scripts = [file for file in folder.iterdir() if file.name.endswith(".sql")]
    return sorted((int(file.name[:4]), file.read_text("utf-8")) for file in scripts)


def check_version(connection: sqlite3.Connection) -> int:
    """The schema's version, only read; StoreUnusableError if this code is older than it."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    newest = migrations()[-1][0]
    if version > newest:
        raise StoreUnusableError(
            "newer_schema",
            f"the database has schema {version}, this version knows {newest}: "
            "run the newer agent-runner, or choose another --state-dir",
        )
    return version


def migrate(connection: sqlite3.Connection) -> int:
    """Apply what is missing; returns the version now in force."""
    version = check_version(connection)
    known = migrations()
    define(connection)
    for number, script in known:
        if number > version:
            connection.executescript(
                f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;"
            )
    connection.executemany(
        "INSERT INTO run_states (name, terminal) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
        [(state.value, int(state in TERMINAL)) for state in RunState],
    )
    return known[-1][0]
