"""A turn that its CLI calls a success though nothing was answered: why it is none.

Recorded and read in Claude Code 2.1.197 and 2.1.332: a resumed session that has nothing to do
ends at once; a prompt that a UserPromptSubmit hook refuses ends as a success whose text is the
hook's. A slash command that the CLI does by itself ends well without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from agent_runner.agents.failures import short
from agent_runner.events.base import AgentEvent
from agent_runner.events.line import ParseError
from agent_runner.events.message import (
    MessageCompleted,
    MessageDelta,
    ReasoningCompleted,
    ReasoningDelta,
    TurnCompleted,
)
from conversation_store.codes import FailureCode

_TEXTS = (MessageCompleted, MessageDelta, ReasoningCompleted, ReasoningDelta)
PLACEHOLDER = "No response requested."
"""What the CLI says where the model has said nothing."""

UNTOLD = (FailureCode.NO_RESULT, "the end of the turn is damaged, and does not tell how it went")
"""Why a turn is no success of whose end too little is left to tell."""

_COMMAND = re.compile(r"\s*/[A-Za-z][\w:.-]*(?:\s|$)")
_HOOK = re.compile(
    r"\b(?:operation|prompt|execution|agent|request|input)s? (?:was |were )?"
    r"(?:blocked|stopped|rejected|denied)\b.{0,80}?\bhooks?\b"
    r"|\b(?:blocked|stopped|rejected|denied) by (?:an? |the )?(?:\w+ )?hook\b"
    r"|\bhooks? (?:has |have )?(?:blocked|stopped|rejected|denied)\b"
    r"|\bAgent execution (?:blocked|stopped)\b",
    re.IGNORECASE | re.DOTALL,
)


def hook_words(text: str) -> str | None:
    """What a text says of a hook that refused the prompt, without the prompt; None if nothing."""
    text = text[:4000]
    if _HOOK.search(text) is None:
        return None
    return short(text.partition("\n\nOriginal prompt: ")[0])


class Answered:
    """Whether the present turn has brought an answer, or `anything` that may be one."""

    def __init__(self) -> None:
        self.anything = False
        self._refusal: str | None = None
        self._commands: list[bool] = []

    def begin(self, prompt: str) -> None:
        """A turn was asked for; several may wait."""
        self._commands.append(_COMMAND.match(prompt) is not None)

    @property
    def commanded(self) -> bool:
        """True if the present turn's prompt is a slash command."""
        return bool(self._commands and self._commands[0])

    def take(self, events: Iterable[AgentEvent]) -> None:
        """What a message led to; a turn's end is the beginning of the next."""
        for event in events:
            if isinstance(event, TurnCompleted):
                self.anything = False
            elif not self.anything:
                self.anything = _is_answer(event)

    def refused(self, words: str) -> None:
        """A hook did not let the prompt through."""
        self._refusal = words

    def end(self) -> None:
        """The turn is over."""
        self.anything, self._refusal = False, None
        del self._commands[:1]

    def lacks(self, text: str | None, *, command: bool = False) -> tuple[FailureCode, str] | None:
        """Why a turn that ended well with `text` is no success; None if it is one.

        `command` tells that it was one that the CLI does by itself.
        """
        if self.anything:
            return None
        said = (text or "").strip()
        words = self._refusal or hook_words(said)
        if words is not None:
            return FailureCode.BLOCKED_BY_HOOK, words
        if said and said != PLACEHOLDER:
            return None
        if command or self.commanded:
            return None
        return FailureCode.NO_ANSWER, "the CLI calls it a success, and nothing was answered"


def _is_answer(event: AgentEvent) -> bool:
    if isinstance(event, _TEXTS):
        return bool(event.text.strip())
    # A line of plain text is a notice that went astray; a damaged object may be anything.
    return event.work or (isinstance(event, ParseError) and "{" in event.raw)
