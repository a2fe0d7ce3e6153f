"""Which of Claude Code's turns is on, and which turn's work a line belongs to.

Turns come one after the other, each from its `init` to its `result`: those of prompts, and the
CLI's own, in which it tells of a task's end. What helpers do comes between their lines. A prompt
that is sent after a task was notified waits for the turn that tells of it (recorded: 2.1.332).
"""

from __future__ import annotations

from typing import Any, Literal

from agent_runner.agents.claude import control_schema as control
from agent_runner.agents.claude import system_schema as system
from agent_runner.agents.claude.tasks import Calls, Tasks
from agent_runner.events.background import BackgroundTask
from agent_runner.events.tool import ToolStarted


class Turns:
    """`on` is the turn that the CLI works at; `number` counts those of prompts, from 1."""

    def __init__(self, calls: Calls) -> None:
        self.tasks = Tasks()
        self.on: Literal["prompt", "own"] | None = None
        self.number = 0
        self._calls = calls
        self._notified = 0
        self._interrupted: set[str | None] = set()

    def begin(self, *, prompted: bool) -> None:
        """The CLI begins a turn, if none is on; `prompted` if a prompt waits for one."""
        if self.on is None:
            self.on = "prompt" if prompted and not self._notified else "own"
            self.number += self.on == "prompt"
            if self.on == "own":
                # What is notified from here on is told of in a further one.
                self._notified = 0

    def end(self, *, solicited: bool, broken_off: bool) -> None:
        """A turn has its result, which says whether it was a prompt's.

        What its first line looked like is not always what it was. After one that is `broken_off`
        no turn tells of a notification any more.
        """
        if solicited:
            self.number += self.on != "prompt"
        else:
            self.number -= self.on == "prompt"
            self.tasks.told(self._calls)
        if broken_off or self.on is None:
            # None that tells of a notification will come, or this was all there was of it.
            self._notified = 0
        self.on = None

    def others(self) -> list[BackgroundTask]:
        """The tasks that the prompt's turn which is on has not begun."""
        return self.tasks.of_other_turns(self.number if self.on == "prompt" else None)

    @property
    def untold(self) -> bool:
        """True while a turn tells of a task's end, or is to come and do so."""
        return self._notified > 0 or self.on == "own"

    def give_up_telling(self) -> None:
        """No such turn will come."""
        self._notified = 0

    def interrupt(self) -> None:
        """The tasks end with the turn, and the CLI begins none to tell of it (2.1.332)."""
        self._interrupted = {task.task_id for task in self.tasks.left}

    def background_turn(self, begun: int | None) -> int | None:
        """What `Received.background_turn` is for something of work that the turn `begun` began.

        While that very turn is on it is a part of it.
        """
        if begun is not None:
            return None if self.on == "prompt" and begun == self.number else begun
        return self.number if self.on == "own" else None

    def read(self, line: system.Task) -> int | None:
        """Take a task's line in; the turn that began it, if it goes on behind one."""
        begun, ended = self.tasks.read(line, self.number, self._calls)
        if ended and line.task_id not in self._interrupted:
            self._notified += 1
        return begun

    def read_list(self, line: system.BackgroundTasks) -> None:
        """Take the list of tasks in."""
        self.tasks.read_list(line, self.number)

    def answered(self, started: ToolStarted | None, detail: Any) -> None:
        """A call has its result."""
        self.tasks.answered(started, detail, self.number)

    def of_request(self, request: control.CanUseTool) -> int | None:
        """The turn that began the work which asks; None if the turn that is on does."""
        begun = self.tasks.of_call(request.tool_use_id, self._calls)
        return self.tasks.of_task(request.agent_id) if begun is None else begun
