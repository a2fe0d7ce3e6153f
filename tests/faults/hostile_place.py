"""A service all of whose places have names that mean something to a shell, to tmux, to a glob."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.conftest import Service, services_in
from tests.faults.trap import PAYLOADS, Trap

AT_A_TIME = 4

PLACES = {
    "tmux": "#(pwned) #{session_name} {url} {home} x#y;",
    "shell": "$(pwned) `pwned` ;pwned; [a] {pid}",
    "quotes": "'; pwned; ' \"; pwned; \" *? a=b, $HOME %(pwned)s",
}
"""Names of the folder that home, state folder, programs and all projects lie in."""


class Base:
    """One of the places, with a service there; it takes its share of the payloads."""

    def __init__(self, name: str, folder: Path, trap: Trap, live: Service) -> None:
        self.folder = folder
        self.trap = trap
        self.live = live
        self.payloads = PAYLOADS[list(PLACES).index(name) :: len(PLACES)]

    def each(self, check: Callable[[int, str], None], payloads: Sequence[str] = ()) -> None:
        """Check every payload, some at a time; all that fail are told."""

        def told(item: tuple[int, str]) -> str | None:
            try:
                check(*item)
            except (AssertionError, OSError, LookupError, httpx.HTTPError) as error:
                return f"{item[1]!r}: {type(error).__name__} {str(error)[:2000]}"
            return None

        with ThreadPoolExecutor(AT_A_TIME) as pool:
            failed = [text for text in pool.map(told, enumerate(payloads or self.payloads)) if text]
        assert not failed, "\n\n".join(failed)

    def project(self, payload: str, kind: str) -> Path:
        """A folder of this name in one of this name."""
        folder = self.folder / kind / payload / payload
        folder.mkdir(parents=True)
        return folder


@contextmanager
def serving_in(name: str, around: Path, fakes: dict[str, str]) -> Iterator[Base]:
    """The service in the place `name`; its hook command keeps what it is told in `told`."""
    trap = Trap(around)
    folder = around / PLACES[name]
    for within in ("programs", "told"):
        (folder / within).mkdir(parents=True)
    programs = {type_: shutil.copy(path, folder / "programs") for type_, path in fakes.items()}
    keep = 'cat > "$1/$$" && mv "$1/$$" "$1/$AGENT_RUNNER_APPROVAL_ID"'
    keeps = written(folder / "keep", keep)
    once = {"warm_processes": 0} if name == "quotes" else {}
    with services_in(fakes, folder) as make:
        live = make(
            programs={type_: str(path) for type_, path in programs.items()},
            env={"PATH": trap.path},
            tmux={},
            hooks={"command": [str(keeps), str(folder / "told"), "$(pwned)"]},
            **once,
        )
        yield Base(name, folder, trap, live)


def written(path: Path, script: str) -> Path:
    """A program."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path
