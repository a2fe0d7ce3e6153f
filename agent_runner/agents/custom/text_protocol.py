"""Any program that prints text: each line of stdout is text of one message.

The prompt goes to stdin, which is then closed. Exit 0 is success, for there is no other sign.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent_runner.agents.attachments import Attachment, mentioned
from agent_runner.agents.base import AgentOptions, Exit, Form, Received
from agent_runner.agents.failures import code_for_text, error_line
from agent_runner.agents.protocol import ProtocolBase
from agent_runner.agents.text_items import TextItems
from agent_runner.agents.wordings.table import LOOKED_AT
from agent_runner.events.base import AgentEvent
from agent_runner.events.message import TurnCompleted
from conversation_store.codes import FailureCode


class TextProtocol(ProtocolBase):
    """One prompt to a program without a protocol."""

    def __init__(self, options: AgentOptions, form: Form, resume: str | None) -> None:
        super().__init__(options, form, resume)
        self._text = TextItems()
        self._first = True

    @property
    def close_after_prompt(self) -> bool:
        """The program reads its prompt to the end of stdin."""
        return True

    def prompt(self, text: str, attachments: Sequence[Attachment] = ()) -> bytes:
        """The prompt itself."""
        self._begin_turn(text)
        return mentioned(text, attachments).encode("utf-8", "replace")

    def receive(self, line: bytes) -> Received:
        """One more line of the message; bytes that are no text are shown as escapes."""
        self.saw("line")
        text = line.removesuffix(b"\r").decode("utf-8", "backslashreplace")
        newline = "" if self._first else "\n"
        self._first = False
        return Received(events=self._text.message(newline + text))

    def receive_oversize(self, line: bytes) -> Received:
        """Nothing: text has no ends."""
        return Received()

    def _exit_verdict(self, end: Exit) -> tuple[FailureCode, str]:
        """Many say on stdout why they fail: what stderr does not tell is looked for there."""
        code, error = super()._exit_verdict(end)
        line = error_line((self._text.last or "")[-LOOKED_AT:])
        known = code_for_text(line) if code is FailureCode.CLI_ERROR else None
        return (known, line) if known is not None else (code, error)

    def finish(self, exit: Exit) -> list[AgentEvent]:  # noqa: A002
        """The exit code is the result."""
        events = self._text.end()
        if exit.code != 0 or not self._prompts or self._interrupting:
            return events + super().finish(exit)
        self._turn_ended()
        return [*events, TurnCompleted(ok=True, text=self._text.last or "")]
