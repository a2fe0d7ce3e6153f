"""What tmux adds to a run of the real Claude Code: through the service against its bare UI.

Bare, the UI stands in a tmux of the same kind, without hooks: the prompt is pasted, and the time
runs from the submit key to the end of the turn by the transcript's own clock. Ours runs from the
request to the answer. Both are warm; the model is a stand-in that answers at once.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from recorder.cases.claude import SUITE
from recorder.install import install
from recorder.isolation import leave_network

from agent_runner.tmux.pane import Pane
from benchmarks.bench_warm import Bench, model
from benchmarks.harness import (
    Service,
    columns,
    connected,
    heading,
    median,
    register,
    row,
    service,
    verdict,
)

TURNS = 20
WARM_UP = 3
LIMIT_MS = 150
PATIENCE_S = 60.0
AGENT = "terminal"


def _until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.001)


class BareUi:
    """The CLI's UI and as little as drives it; `folder` is private."""

    def __init__(self, bench: Bench, cwd: Path, folder: Path, tmux: str) -> None:
        self._pane = Pane(tmux, str(folder))
        self._sessions = bench.home / ".claude" / "projects"
        self._transcript: Path | None = None
        self._known = set(self._sessions.rglob("*.jsonl"))
        argv = [str(bench.program), "--permission-mode=default"]
        size = (150, 50)
        pid = self._pane.start(argv, str(cwd), bench.env, size=size, history=20_000)
        self._state = bench.home / ".claude" / "sessions" / f"{pid}.json"
        _until(lambda: self._idle() and "\u276f" in self._pane.screen())

    def turn(self, prompt: str) -> float:
        """Seconds from the submit key to the end of the turn, as the CLI wrote it."""
        _until(self._idle)
        ends = len(list(self._ends()))
        self._pane.paste(prompt)
        _until(lambda: prompt in self._pane.screen())
        begun = time.time()
        self._pane.keys(["Enter"])
        _until(lambda: len(list(self._ends())) > ends)
        return list(self._ends())[-1] - begun

    def close(self) -> None:
        """End it."""
        self._pane.kill_server()

    def _idle(self) -> bool:
        try:
            return bool(json.loads(self._state.read_text())["status"] == "idle")
        except (OSError, ValueError, KeyError):
            return False

    def _ends(self) -> Iterator[float]:
        if self._transcript is None:
            new = set(self._sessions.rglob("*.jsonl")) - self._known
            self._transcript = next(iter(new), None)
        if self._transcript is None:
            return
        for line in self._transcript.read_text().split("\n"):
            if '"turn_duration"' in line:
                yield datetime.fromisoformat(json.loads(line)["timestamp"]).timestamp()


async def through_service(at: Service, prompt: str) -> float:
    """Seconds from the request to the answer."""
    async with connected(at) as connection:
        begun = time.perf_counter()
        answer = await connection.call("POST", f"/agents/{AGENT}/execute", {"prompt": prompt})
        seconds = time.perf_counter() - begun
    assert answer["success"], answer
    assert answer["form"] == "terminal", answer
    return seconds


def measure(bench: Bench, at: Service, tmux: str) -> tuple[list[float], list[float]]:
    """Seconds of each turn, through the service and bare, in turn."""
    asyncio.run(register(at, AGENT, commMode="tmux", **bench.suite.options))
    # The first one answers the CLI's first questions in its home, for the bare one too.
    asyncio.run(through_service(at, "hello"))
    ours: list[float] = []
    bare: list[float] = []
    with tempfile.TemporaryDirectory(prefix="ui") as folder:
        ui = BareUi(bench, at.root, Path(folder), tmux)
        try:
            for turn in range(WARM_UP + TURNS):
                bare.append(ui.turn(f"bare prompt {turn}"))
                ours.append(asyncio.run(through_service(at, f"our prompt {turn}")))
        finally:
            ui.close()
    return ours[WARM_UP:], bare[WARM_UP:]


def main() -> None:
    """Print the table."""
    heading("Claude Code in its own UI: ms of a warm turn (medians)")
    tmux = shutil.which("tmux")
    if tmux is None:
        print("  tmux is not installed: nothing was measured")
        return
    install(SUITE.agent)
    leave_network()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, model() as url:
        bench = Bench(SUITE, url, Path(folder))
        columns("the bare UI")
        programs = {SUITE.agent: str(bench.program)}
        with service(bench.program, bench.env, programs, warm_processes=2) as at:
            ours, bare = (median(times) * 1e3 for times in measure(bench, at, tmux))
    adds = ours - bare
    row(
        "a run in tmux, from the request to the answer",
        f"{ours:.1f}",
        f"{bare:.1f}",
        f"{ours / bare:.2f}x",
        f"adds {adds:.0f} < {LIMIT_MS} ms: {verdict(adds < LIMIT_MS)}",
    )


if __name__ == "__main__":
    main()
