"""Loads the named statements of `queries/*.sql`: `-- name: x` heads the statement x.

Where one says {RunRecord}, it means the columns of that record: see `rows.expand`.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from conversation_store.sqlite.rows import expand


@cache
def statements() -> dict[str, str]:
    """Every statement by its name."""
    found: dict[str, str] = {}
    folder = files("conversation_store.sqlite").joinpath("queries")
    for file in folder.iterdir():
        for block in file.read_text("utf-8").split("-- name: ")[1:]:
            name, _, sql = block.partition("\n")
            found[name.strip()] = expand(sql.strip().rstrip(";"))
    return found
