"""What reaches the terminal: cleaned text, tables, errors, exit codes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import IntEnum
from typing import NoReturn

import typer
from rich.console import Console
from rich.table import Table

from agent_runner import wire
from agent_runner.errors import AgentRunnerError, UnavailableError
from agent_runner.plain_text import clean, escaped

out = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
err = Console(highlight=False, markup=False, emoji=False, stderr=True, soft_wrap=True)

_PADDING = re.compile(r"[^\S\n]{3,}")

if not out.is_terminal:
    out.width = 100_000


class ExitCode(IntEnum):
    """How a command ended, for scripts."""

    OK = 0
    FAILED = 1
    USAGE = 2
    CANCELLED = 3
    TIMED_OUT = 4
    INTERRUPTED = 5
    UNREACHABLE = 6


def show_json(value: object) -> None:
    """One JSON document on stdout."""
    show_json_text(wire.encode(value).decode())


def show_json_text(text: str) -> None:
    """JSON on stdout: what could act on the terminal is escaped, so its value stays the same.

    JSON escapes C0 itself, but lets DEL, C1 and the marks that reorder text through.
    """
    typer.echo(escaped(text))


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A plain table; every cell is cleaned. In a pipe no cell is folded."""
    table = Table(box=None, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("-" if cell is None else clean(str(cell)) for cell in row))
    out.print(table)


def quoted(text: str) -> str:
    """`text` cleaned, its further lines marked: none of them looks like a line of ours.

    Blanks are not kept either, with which a text could go to the beginning of the next row.
    """
    first, *more = clean(text).split("\n")
    return "\n".join(_PADDING.sub("  ", line) for line in (first, *(f"  | {m}" for m in more)))


def stream_over() -> UnavailableError:
    """What whoever watches is told at the end of a stream that has none."""
    return UnavailableError("service_unreachable", "the stream ended: the service has stopped")


def fail(error: AgentRunnerError, *, as_json: bool = False) -> NoReturn:
    """Say what went wrong and what to do, and leave."""
    raise typer.Exit(failed(error, as_json=as_json))


def failed(error: AgentRunnerError, *, as_json: bool = False) -> ExitCode:
    """Say what went wrong and what to do; the code to leave with."""
    if as_json:
        show_json({"code": error.code, "error": error.message, "hint": error.hint})
    else:
        err.print(f"error: {quoted(error.message)} [{quoted(error.code)}]")
        if error.hint:
            err.print(f"hint:  {quoted(error.hint)}")
    return ExitCode.UNREACHABLE if error.code == "service_unreachable" else ExitCode.FAILED
