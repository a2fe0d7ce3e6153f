"""The schema as one file, `conversation_store/sqlite/schema.sql`, written by

python -m tests.conversation_store.sqlite.snapshot

after a migration was added. Nothing reads it at run time: it is there for people, and so
that a change of the schema shows in a review as what it is.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from conversation_store import sqlite
from conversation_store.sqlite.migrate import migrate

FILE = Path(sqlite.__file__).with_name("schema.sql")
_HEAD = (
    "-- What the migrations add up to. Written by tests/conversation_store/sqlite/snapshot.py.\n"
)
# The tables that an index of words makes for itself follow from it.
_OBJECTS = (
    "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' "
    "AND name NOT LIKE 'turn_search_%' "
    "ORDER BY type = 'trigger', type DESC, rowid"
)


def statements(connection: sqlite3.Connection) -> list[str]:
    """The statements that made the schema, tables first, triggers last."""
    return [str(row[0]) for row in connection.execute(_OBJECTS)]


def normal(statements: list[str]) -> list[str]:
    """Without differences of layout and order."""
    return sorted(" ".join(statement.split()) for statement in statements)


def main() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        text = ";\n\n".join(statements(connection))
    FILE.write_text(f"{_HEAD}\n{text};\n", "utf-8")


if __name__ == "__main__":
    main()
