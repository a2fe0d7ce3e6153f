"""agent-runner bench: the benchmarks of a source checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from agent_runner.cli.terminal import fail, out
from agent_runner.errors import NotFoundError

FOLDER = Path(__file__).resolve().parent.parent.parent / "benchmarks"


def bench(
    names: Annotated[
        list[str] | None, typer.Argument(help="Benchmarks to run [all]; see --list.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the benchmarks.")] = False,
) -> None:
    """Measure this service beside a peer or a limit, and print the ratios.

    Each benchmark prints our figure, the other's and the ratio, all from one run. They are
    part of the source checkout, not of the installed package.
    """
    found = {file.stem.removeprefix("bench_"): file for file in sorted(FOLDER.glob("bench_*.py"))}
    if not found:
        fail(
            NotFoundError(
                "no_benchmarks",
                "the benchmarks are not installed",
                hint="run this in a source checkout: make bench",
            )
        )
    if list_:
        for name, file in found.items():
            summary = file.read_text("utf-8").split('"""')[1].splitlines()[0]
            out.print(f"{name:<16} {summary}")
        return
    with tempfile.TemporaryDirectory(prefix="bench", ignore_cleanup_errors=True) as series:
        for name in names or list(found):
            if name not in found:
                raise typer.BadParameter(f"{name!r} is no benchmark; see --list")
            code = subprocess.call(
                [sys.executable, "-m", f"benchmarks.bench_{name}"],
                cwd=FOLDER.parent,
                env={**os.environ, "BENCH_SERIES": series},
            )
            if code:
                raise typer.Exit(code)
