"""The connection to Codex CLI's app-server: its messages in parts, and what outlives its turns."""

from __future__ import annotations

from typing import Any

from agent_runner.agents.base import AgentOptions, Form, Received
from agent_runner.agents.codex import rpc_schema as r
from agent_runner.agents.codex.notes import CodexReader
from agent_runner.agents.codex.turns import Turns, task_of
from agent_runner.agents.json_rpc import INVALID_PARAMS, Incoming, RpcPeer
from agent_runner.agents.line_reader import join
from agent_runner.agents.protocol import ENDED, ProtocolBase
from agent_runner.decoding.decode import Broken, Part, shown
from agent_runner.events.background import BackgroundTask


class Connection(ProtocolBase):
    """The messages of one process; a subclass takes them in `_take`."""

    def __init__(self, options: AgentOptions, form: Form, resume: str | None) -> None:
        super().__init__(options, form, resume)
        self._rpc = RpcPeer({}, text_ids=False, typed=False, marks=("method", "result", "error"))
        self._reader = CodexReader(self)
        self._turns = Turns()
        self._ready = False

    @property
    def ready(self) -> bool:
        """See `base.CliProtocol`."""
        return self._ready

    def receive(self, line: bytes) -> Received:
        """See `base.CliProtocol`."""
        return self._take_parts(self._read(line), line)

    def _read(self, line: bytes) -> list[Part]:
        return [_with_end(part) for part in self._rpc.read(line)]

    def _counts_in_part(self, message: Any) -> bool:
        return message.kind == "answer" or message.method in ("turn/completed", "item/completed")

    def _refuse(self, message: Any) -> bytes | None:
        if message.kind != "request":
            return None
        return self._rpc.refuse(message.id, INVALID_PARAMS, "the request could not be read whole")

    # --- work that outlives its turn -----------------------------------------------------------

    @property
    def background(self) -> list[BackgroundTask]:
        """See `base.CliProtocol`."""
        return [task_of(self.tools[call]) for call in self._turns.outliving(self.tools)]

    def stop_background(self) -> bytes | None:
        """All commands of the session that still run."""
        if not self._ready:
            return None
        return self._rpc.request("thread/backgroundTerminals/clean", {"threadId": self.session_id})

    def finish_background(self) -> Received:
        """See `base.CliProtocol`."""
        error = f"{ENDED} before the tool did"
        return join(
            Received(events=self.end_tool(call, failed=True, error=error), background_turn=number)
            for call, number in self._turns.outliving(self.tools).items()
        )

    def _call_outlives(self, call: str) -> bool:
        return call in self._turns.outliving(self.tools)


def _with_end(part: Part) -> Part:
    """A damaged part, as the end of a turn if it is seen to be one."""
    if part.message is not None or (note := r.NOTES.seen_end(part.raw)) is None:
        return part
    damage = part.damage or Broken("a notification that holds none", shown(part.raw))
    return Part(Incoming(kind="notification", method=note["method"]), part.raw, damage)
