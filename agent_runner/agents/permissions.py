"""What an agent may do without a person being asked: the option `permissions`, and the ruling.

Patterns are globs as `fnmatch` has them, by case: `*` is any text, also one with `/` in it, `?`
one character, `[abc]` one of these.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Action = Literal["allow", "deny", "ask"]
Preset = Literal["ask", "allow", "deny", "readonly", "full"]

MOST_RULES = 100
MOST_ARGUMENTS = 20
LONGEST_PATTERN = 256
LONGEST_NAME = 128


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Applies to a call whose tool matches `tool` and whose every argument in `input` matches.

    The arguments are called as the CLI calls them; `command` and `path` are also the command
    and every path of a call that has them under another name (see `tool_calls`).
    """

    tool: str
    input: dict[str, str] = {}
    action: Action


class Permissions(msgspec.Struct, frozen=True, kw_only=True):
    """The first rule that applies decides, and `preset` where none does."""

    preset: Preset = "ask"
    rules: list[Rule] = []


class Ruling(msgspec.Struct, frozen=True):
    """What becomes of a question, and, for people, which rule or preset says so."""

    action: Action
    rule: str
