"""What the file of a CLI's session holds: who said what, and whose prompt each word answers.

A session can be gone on with elsewhere, by hand say. What was said there is told apart by its
prompts: they are none of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

import msgspec

Role = Literal["user", "assistant"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of such a file; without a role it says nothing, and only leads from one to another.

    `parent` is the entry that it goes on from, where the CLI tells.
    """

    entry_id: str | None = None
    parent: str | None = None
    role: Role | None = None
    text: str = ""
    at: str | None = None


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A message of a turn that is none of ours; `at` is its time, as the CLI has written it."""

    role: Role
    text: str
    at: str | None


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a part of a file holds that is not ours.

    `elsewhere` tells whether its last turn is none of ours, so that what follows is not either.
    """

    said: list[Said]
    elsewhere: bool


def read(
    entries: Iterable[Entry], is_ours: Callable[[str], bool], *, elsewhere: bool = False
) -> Reading:
    """Tell what others have said from what was said in our turns.

    `is_ours` is asked once for each prompt, in order. `elsewhere` is of what came before.
    """
    owners: dict[str, bool] = {}
    said: dict[str, Said] = {}
    for number, entry in enumerate(entries):
        known = entry.entry_id is not None and entry.entry_id in owners
        if entry.role == "user" and not known:
            elsewhere = foreign = not is_ours(entry.text)
        elif known:
            # Written again as it grew.
            foreign = owners[entry.entry_id or ""]
        else:
            foreign = owners.get(entry.parent or "", elsewhere)
        if entry.entry_id is not None:
            owners[entry.entry_id] = foreign
        if foreign and entry.role is not None and entry.text.strip():
            key = entry.entry_id or f"#{number}"
            said[key] = Said(role=entry.role, text=entry.text, at=entry.at)
    return Reading(said=_last_words(said.values()), elsewhere=elsewhere)


def _last_words(said: Iterable[Said]) -> list[Said]:
    """The prompts, and of each turn's answer the last message, as a turn of ours has it."""
    kept: list[Said] = []
    for one in said:
        if kept and one.role == kept[-1].role == "assistant":
            kept.pop()
        kept.append(one)
    return kept


def text_of(content: Any) -> str:
    """The text of a message that is a string or a list of blocks; "" if it has none."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    blocks = [block for block in content if isinstance(block, dict)]
    return "".join(
        block["text"]
        for block in blocks
        if isinstance(block.get("text"), str) and block.get("type", "text") == "text"
    )


def word(value: Any) -> str | None:
    """`value`, if it is a text."""
    return value if isinstance(value, str) else None
