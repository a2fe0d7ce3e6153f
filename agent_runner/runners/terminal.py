"""Starts a CLI's own terminal UI: the driver in the place of the CLI.

The driver is a process like a headless CLI: the same keeper, limits, deadlines, logs and end.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from agent_runner.decoding.terminal import Profile, Setup
from agent_runner.process.programs import find
from agent_runner.tmux import driver

TMUX = "tmux"
TMUX_INSTALL_HINT = "apt-get install tmux (or brew install tmux)"
SETUP = "setup.json"


def find_tmux(programs: Mapping[str, str], env: Mapping[str, str]) -> Path | None:
    """The tmux that holds the UIs: the one that `programs` names, or the one on PATH."""
    return find(programs.get(TMUX) or TMUX, env)


def driven(
    argv: list[str], profile: Profile, cwd: str, folder: Path, tmux: Path
) -> tuple[list[str], dict[str, bytes]]:
    """The driver's command line, and the files that it needs in `folder`.

    `argv` is the CLI's own command line.
    """
    setup = Setup(argv=argv, cwd=cwd, folder=str(folder), tmux=str(tmux), profile=profile)
    program = [sys.executable, "-I", "-S", driver.__file__, str(folder / SETUP)]
    return program, {SETUP: msgspec.json.encode(setup)}
