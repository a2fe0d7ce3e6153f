"""The service as a program that kills itself at one named point: `AGENT_RUNNER_CRASH_AT`."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Callable
from typing import Any

from agent_runner.bus.channel import Channel
from agent_runner.cli.main import main
from agent_runner.process import tree
from agent_runner.process.child import Child
from agent_runner.process.identity import MARKER
from agent_runner.process.warden import Warden
from agent_runner.routing.circuits import Circuits
from agent_runner.runners.cli_process import CliProcess
from agent_runner.runners.cli_runner import CliRunner
from conversation_store.sqlite.approvals import Approvals
from conversation_store.sqlite.circuits import Circuits as StoredCircuits
from conversation_store.sqlite.conversations import Conversations
from conversation_store.sqlite.events import Events
from conversation_store.sqlite.processes import Processes
from conversation_store.sqlite.runs import Runs

VARIABLE = "AGENT_RUNNER_CRASH_AT"

POINTS: dict[str, tuple[Any, Callable[..., Any]]] = {
    "accept": (Runs, Runs.accept),
    "move": (Runs, Runs.move),
    "finish": (Runs, Runs.finish),
    "append": (Events, Events.append),
    "set_session": (Conversations, Conversations.set_session),
    "process_forget": (Processes, Processes.forget),
    "circuit_save": (StoredCircuits, StoredCircuits.save),
    "circuit_record": (Circuits, Circuits.record),
    "warden_request": (Warden, Warden.request),
    "child_go": (Child, Child.go),
    "child_end": (Child, Child.end),
    "start": (CliRunner, CliRunner.start),
    "begin": (CliProcess, CliProcess.begin),
    "turn": (CliRunner, CliRunner.turn),
    "stop_turn": (CliProcess, CliProcess.stop_turn),
    "commit": (Channel, Channel.commit),
    "tree_end": (tree, tree.end),
    "approval_open": (Approvals, Approvals.open),
    "approval_decide": (Approvals, Approvals.decide),
    "approval_deliver": (CliProcess, CliProcess.answer),
    "approval_move_delivery": (Approvals, Approvals.move_delivery),
}


def names() -> list[str]:
    """Every crash point: before and after each call above, at its first and second time."""
    return [
        f"{when} {name} {time}"
        for name in POINTS
        for when in ("before", "after")
        for time in (1, 2)
    ]


def _is_probe(arguments: tuple[Any, ...], named: dict[str, Any]) -> bool:
    """True for a process that only tells a CLI's version."""
    process_id = named.get("env", {}).get(MARKER, "")
    if isinstance(arguments[0], Child):
        process_id = arguments[0].identity.process_id
    return bool(process_id.startswith("probe-"))


def arm(point: str) -> None:
    """Make the call kill the process."""
    when, name, time = point.split()
    owner, original = POINTS[name]
    calls = 0

    @functools.wraps(original)
    async def deadly(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += not _is_probe(arguments, named)
        here = calls == int(time) and not _is_probe(arguments, named)
        if when == "before" and here:
            os.kill(os.getpid(), signal.SIGKILL)
        result = await original(*arguments, **named)
        if when == "after" and here:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, original.__name__, deadly)


if __name__ == "__main__":
    if VARIABLE in os.environ:
        arm(os.environ[VARIABLE])
    main()
