"""A UI of which nothing is known but its prompt: its answers are read from its screen.

There are neither hooks nor a transcript. A prompt counts as taken when the screen moves, a turn
is over when the line that waits is there again, and the answer is what is new on the screen. It
may lack what has scrolled out of the history, and lines are as the program has wrapped them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent_runner.agents.attachments import Attachment, mentioned
from agent_runner.agents.base import PermissionAnswer, Received
from agent_runner.agents.screen import text as screen_text
from agent_runner.agents.terminal_protocol import TerminalProtocol
from agent_runner.decoding import terminal as t
from agent_runner.events.base import AgentEvent
from agent_runner.events.message import MessageCompleted, TurnCompleted
from agent_runner.events.notice import Activity, Notice
from agent_runner.events.permission import PermissionRequested
from conversation_store.codes import FailureCode


class ScreenTerminal(TerminalProtocol):
    """One driver and a UI that only shows."""

    _prompt = ""
    _before = ""
    _answers = 0

    def prompt(self, text: str, attachments: Sequence[Attachment] = ()) -> bytes:
        """See `base.CliProtocol`."""
        self._prompt = mentioned(text, attachments)
        return super().prompt(self._prompt)

    def _answer(
        self,
        request_id: str,
        question: PermissionRequested,
        event: dict[str, Any],
        answer: PermissionAnswer,
    ) -> bytes:
        """Nothing is ever asked."""
        raise KeyError(request_id)

    def _hook(self, message: t.Hook, line: bytes) -> Received:
        return Received(events=[Activity(code="hook")])

    def _transcript(self, entry: dict[str, Any], line: bytes) -> list[AgentEvent]:
        return [Activity(code="transcript")]

    def _receipt(self, message: t.Delivered) -> list[AgentEvent]:
        self._before = message.screen
        return super()._receipt(message)

    def _settled(self, message: t.Settled) -> list[AgentEvent]:
        if not self._prompts or not self._delivered:
            return [Activity(code="settled")]
        text, cut = screen_text.answer(self._before, message.screen, self._prompt)
        self._before = ""
        events: list[AgentEvent] = []
        if text:
            self._answers += 1
            events.append(MessageCompleted(item_id=f"screen-{self._answers}", text=text))
        how = "the answer was read from the screen: it may be incomplete, and its lines wrapped"
        events.append(
            Notice(
                code="screen_read", level="warning", message=how, data={"cut": cut or message.cut}
            )
        )
        if self._interrupting:
            over = TurnCompleted(ok=False, code=FailureCode.INTERRUPTED, error="interrupted")
        else:
            over = TurnCompleted(ok=True, text=text)
        self._turn_ended()
        return [*events, over]
