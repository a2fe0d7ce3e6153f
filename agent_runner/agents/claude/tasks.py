"""Claude Code's work that goes on after the turn that began it: helpers and commands.

Recorded from 2.1.332: `background_tasks_changed` lists what is left to do, `task_started` and
`task_notification` tell of one task, and what a helper does names the call that began it as its
parent. 2.1.197 has no list, and tells of tasks in the foreground in the same words. A helper of
which no task is told is known by its parent id alone.
"""

from __future__ import annotations

from typing import Any

import msgspec

from agent_runner.agents.claude import system_schema as s
from agent_runner.events.background import BackgroundTask
from agent_runner.events.tool import ToolStarted

_REMEMBERED = 256
_OVER = frozenset({"completed", "failed", "stopped", "killed"})
_HELPERS = frozenset({"Agent", "Task"})

Calls = dict[str, ToolStarted]
"""The calls that have no result yet, by their ids."""


class _Work(msgspec.Struct, kw_only=True):
    """One task, and the number of the turn that began it; `listed` if it is sure to outlive it."""

    task: BackgroundTask
    turn: int
    listed: bool = False


class Tasks:
    """What is left to do, by the CLI's task id, or by the call's id where that is all there is."""

    def __init__(self) -> None:
        self._left: dict[str, _Work] = {}
        self._turns: dict[str, int] = {}
        self._helpers: dict[str, int] = {}

    @property
    def left(self) -> list[BackgroundTask]:
        """What is left to do, in the order of its beginning."""
        return [work.task for work in self._left.values()]

    def outliving(self, calls: Calls) -> list[BackgroundTask]:
        """What is left to do and in no turn's foreground, as far as that is known."""
        return [work.task for work in self._left.values() if not _in_foreground(work, calls)]

    def of_other_turns(self, turn: int | None) -> list[BackgroundTask]:
        """What is left to do that another turn than this one began."""
        return [work.task for work in self._left.values() if work.turn != turn]

    def drop_foreground(self, calls: Calls) -> None:
        """The turn that is on goes no further."""
        for key, work in list(self._left.items()):
            if _in_foreground(work, calls):
                del self._left[key]

    def read(self, line: s.Task, turn: int, calls: Calls) -> tuple[int | None, bool]:
        """Take a line in: the turn that began its task, and whether work in the background ended.

        The turn is None while the task is one of its turn's own, in the foreground.
        """
        work = self._left.get(line.task_id)
        if line.subtype == "task_started":
            work = self._begin(line, work.turn if work else turn)
        call = line.tool_use_id or (work.task.tool_call_id if work else None)
        begun = work.turn if work else self._turns.get(call or "")
        notified = line.subtype == "task_notification"
        if notified or _is_over(line.patch):
            self._left.pop(line.task_id, None)
        if begun is None or call in calls:
            return None, False
        return begun, notified

    def _begin(self, line: s.Task, turn: int) -> _Work:
        listed = line.task_id in self._left and self._left[line.task_id].listed
        call = line.tool_use_id
        task = BackgroundTask(
            task_id=line.task_id,
            tool_call_id=call,
            title=(line.description or "")[:200],
            kind=line.task_type if isinstance(line.task_type, str) else None,
        )
        work = _Work(task=task, turn=turn, listed=listed or line.is_backgrounded is True)
        self._left[line.task_id] = work
        if call is not None:
            _remember(self._turns, call, turn)
        return work

    def read_list(self, line: s.BackgroundTasks, turn: int) -> None:
        """Take the list in; it is whole: what it leaves out is over."""
        tasks = line.tasks if isinstance(line.tasks, list) else []
        listed: dict[str, dict[str, Any]] = {
            task["task_id"]: task
            for task in tasks
            if isinstance(task, dict) and isinstance(task.get("task_id"), str)
        }
        for key, work in list(self._left.items()):
            if work.listed and key not in listed:
                del self._left[key]
        for key, task in listed.items():
            if (known := self._left.get(key)) is not None:
                known.listed = True
                continue
            title, kind = task.get("description"), task.get("task_type")
            told = BackgroundTask(
                task_id=key,
                title=title[:200] if isinstance(title, str) else "",
                kind=kind if isinstance(kind, str) else None,
            )
            self._left[key] = _Work(task=told, turn=turn, listed=True)

    def answered(self, started: ToolStarted | None, detail: Any, turn: int) -> None:
        """A call has its result: what it began goes on only if the CLI says so."""
        if started is None:
            return
        call = started.tool_call_id
        if started.name in _HELPERS:
            _remember(self._helpers, call, turn)
        if _goes_on(started, detail):
            return
        for key, work in list(self._left.items()):
            if work.task.tool_call_id == call and not work.listed:
                del self._left[key]

    def of_call(self, call: str | None, calls: Calls) -> int | None:
        """The turn that began the work in the background to which a call belongs.

        None if it belongs to the turn that is on. A helper that is heard of after its call was
        answered is at work in the background, whether or not a task was told of.
        """
        seen: set[str] = set()
        while call is not None and call not in seen:
            seen.add(call)
            if call in calls:
                call = calls[call].parent_tool_call_id
                continue
            if call in self._turns:
                return self._turns[call]
            if call in self._helpers:
                turn = self._helpers[call]
                self._left[call] = _Work(task=BackgroundTask(tool_call_id=call), turn=turn)
                _remember(self._turns, call, turn)
                return turn
            return None
        return None

    def of_task(self, task_id: Any) -> int | None:
        """The turn that began a task which is left and sure to outlive it."""
        work = self._left.get(task_id) if isinstance(task_id, str) else None
        return work.turn if work is not None and work.listed else None

    def told(self, calls: Calls) -> None:
        """The CLI has told by itself what came of its work.

        That is all the end there is for a helper that is known by its parent id alone.
        """
        busy = {started.parent_tool_call_id for started in calls.values()}
        for key, work in list(self._left.items()):
            if work.task.task_id is None and key not in busy:
                del self._left[key]

    def closed(self, call: str) -> None:
        """A call was left open by its turn, which is over: so is its task."""
        self._turns.pop(call, None)
        for key, work in list(self._left.items()):
            if work.task.tool_call_id == call:
                del self._left[key]


def _is_over(patch: Any) -> bool:
    status = patch.get("status") if isinstance(patch, dict) else None
    return isinstance(status, str) and status in _OVER


def _in_foreground(work: _Work, calls: Calls) -> bool:
    return not work.listed and work.task.tool_call_id in calls


def _goes_on(started: ToolStarted, detail: Any) -> bool:
    if isinstance(detail, dict):
        asynchronous = detail.get("isAsync") is True or detail.get("status") == "async_launched"
        return asynchronous or bool(detail.get("backgroundTaskId"))
    return detail is None and started.input.get("run_in_background") is True


def _remember(known: dict[str, int], key: str, turn: int) -> None:
    known[key] = turn
    while len(known) > _REMEMBERED:
        del known[next(iter(known))]
