"""What a new session is told of a conversation whose own session is lost."""

from __future__ import annotations

from collections.abc import Sequence

from conversation_store.records import TurnRecord

MOST_TURNS = 20
MOST_CHARACTERS = 8000
MOST_OF_ONE = 2000

_BEGIN = """\
This conversation goes on in a new session: the one it had is lost. These are its last messages, \
oldest first, as far as they are needed to understand what follows.

"""
_NOW = "\n\nNow answer this message:\n\n"


def with_history(turns: Sequence[TurnRecord], prompt: str) -> tuple[str, int]:
    """The prompt behind the last of `turns`, and how many of them it was given.

    A slash command is left alone: behind a text it would be none.
    """
    if prompt.lstrip().startswith("/"):
        return prompt, 0
    told: list[str] = []
    left = MOST_CHARACTERS
    for turn in reversed(turns[-MOST_TURNS:]):
        text = f"{turn.role}: {_cut(turn.content)}"
        left -= len(text)
        if left < 0:
            break
        told.append(text)
    if not told:
        return prompt, 0
    return _BEGIN + "\n\n".join(reversed(told)) + _NOW + prompt, len(told)


def is_part(text: str) -> bool:
    """True if a session was told `text` by `with_history`."""
    return text.startswith(_BEGIN) and _NOW in text


def _cut(text: str) -> str:
    if len(text) <= MOST_OF_ONE:
        return text
    half = MOST_OF_ONE // 2
    return f"{text[:half]}\n[...]\n{text[-half:]}"
