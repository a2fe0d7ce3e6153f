"""The runs that are not over."""

from __future__ import annotations

from collections.abc import Iterator

from agent_runner.runs.active import ActiveRun


class ActiveRuns:
    """By id, in the order in which they were accepted or began."""

    def __init__(self) -> None:
        self._runs: dict[str, ActiveRun] = {}

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[ActiveRun]:
        """Those that have no end yet."""
        return iter([run for run in self._runs.values() if not run.done.is_set()])

    def add(self, run: ActiveRun) -> None:
        """Let a run be found, which will be removed."""
        self._runs[run.run_id] = run

    def remove(self, run: ActiveRun) -> None:
        """The run is over, or has not begun after all: who waits for its end waits no longer."""
        del self._runs[run.run_id]
        run.done.set()

    def ending(self, run_id: str) -> ActiveRun | None:
        """The run, also while its end is being made known."""
        return self._runs.get(run_id)

    def get(self, run_id: str) -> ActiveRun | None:
        """The run, if it has no end yet."""
        run = self._runs.get(run_id)
        return run if run is not None and not run.done.is_set() else None

    def of_agent(self, agent_id: str) -> list[ActiveRun]:
        """The agent's runs of prompts, in queue order."""
        return [run for run in self._of(agent_id) if run.run.trigger == "prompt"]

    def background_of_agent(self, agent_id: str) -> list[ActiveRun]:
        """The agent's runs of what its CLI does by itself."""
        return [run for run in self._of(agent_id) if run.run.trigger == "background"]

    def _of(self, agent_id: str) -> list[ActiveRun]:
        return [run for run in self if run.run.agent_id == agent_id]
