"""Which calls a person is asked about, and which the agent's `permissions` answer. Pure.

Rules are tried in their order, then the preset: `ask` asks, `allow` and `full` allow, `deny`
denies, `readonly` allows what only reads files and denies the rest. What must hold:

- A question that is no permission (`tool_calls.QUESTION_TOOLS`) is never answered by an `allow`,
  be it a rule's or a preset's.
- An `allow` rule with a wildcard matches no command that joins, substitutes or redirects, and no
  value with a `..` segment, nor a command that a shell may expand to one; the pattern `*` alone
  matches everything.
- A `deny` or `ask` rule on a command matches if any part of a joined command does, and one on a
  path also matches its normal form.
- What is too long to be compared with a `deny` or `ask` rule is not allowed without asking.
- Of several calls in one question the strictest ruling counts.

Globs cannot take long: `fnmatch` gives each `*` back at most once, and pattern and value are
bounded.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from agent_runner.agents import shell
from agent_runner.agents.permissions import Permissions, Preset, Rule, Ruling
from agent_runner.agents.tool_calls import (
    COMMAND_ARGUMENTS,
    calls_in,
    commands_of,
    is_question,
    is_shell,
    only_reads,
    paths_of,
    texts_in,
)

LONGEST_VALUE = 32 * 1024
"""Characters of a value that is compared with a pattern."""

MOST_CALLS = 50

_STRICTNESS = {"allow": 0, "ask": 1, "deny": 2}
_WILDCARD = re.compile(r"[*?\[]")


class _Call(msgspec.Struct, frozen=True):
    tool: str
    kind: str | None
    input: dict[str, Any]


class _TooLongError(Exception):
    """A value that no pattern is compared with."""


def decide(
    permissions: Preset | Permissions,
    tool: str,
    kind: str | None,
    input: dict[str, Any],  # noqa: A002
) -> Ruling:
    """What becomes of a question to run `tool` (of ACP's `kind`, if that is known).

    Where the question is about several calls, `kind` is that of the first.
    """
    if isinstance(permissions, str):
        permissions = Permissions(preset=permissions)
    calls = calls_in(tool, input)
    if len(calls) > MOST_CALLS:
        refused = permissions.preset in ("deny", "readonly")
        return Ruling("deny" if refused else "ask", f"more than {MOST_CALLS} calls at once")
    kinds = [kind, *[None] * (len(calls) - 1)]
    asked = [_Call(name, of, given) for (name, given), of in zip(calls, kinds, strict=True)]
    return max((_decide(permissions, call) for call in asked), key=_strictness)


def _strictness(ruling: Ruling) -> int:
    return _STRICTNESS[ruling.action]


def _decide(permissions: Permissions, call: _Call) -> Ruling:
    doubt: Ruling | None = None
    for number, rule in enumerate(permissions.rules, 1):
        if rule.action == "allow" and is_question(call.tool, call.kind):
            continue
        try:
            if _applies(rule, call):
                ruling = Ruling(rule.action, _described(number, rule))
                break
        except _TooLongError:
            if rule.action != "allow" and doubt is None:
                doubt = Ruling("ask", f"too long to be compared with {_described(number, rule)}")
    else:
        ruling = _by_preset(permissions.preset, call)
    return ruling if doubt is None else max(ruling, doubt, key=_strictness)


def _by_preset(preset: Preset, call: _Call) -> Ruling:
    said = f"preset {preset}"
    if preset == "readonly":
        if only_reads(call.tool, call.kind):
            return Ruling("allow", f"{said}: it only reads")
        return Ruling("deny", f"{said}: it does not only read")
    if preset == "deny":
        return Ruling("deny", said)
    if preset == "ask":
        return Ruling("ask", said)
    if is_question(call.tool, call.kind):
        return Ruling("ask", f"{said}: it is no permission that is asked for")
    return Ruling("allow", said)


def _described(number: int, rule: Rule) -> str:
    words = [f"{name}={pattern}" for name, pattern in rule.input.items()]
    return " ".join([f"rule {number}: {rule.action} {rule.tool}", *words])[:300]


def _applies(rule: Rule, call: _Call) -> bool:
    """_TooLongError if something stands in the way of an answer."""
    if not _glob(call.tool, rule.tool):
        return False
    too_long = False
    for name, pattern in rule.input.items():
        try:
            if not _argument_matches(rule, call, name, pattern):
                return False
        except (ValueError, _TooLongError):
            too_long = True
    if too_long:
        raise _TooLongError
    return True


def _argument_matches(rule: Rule, call: _Call, name: str, pattern: str) -> bool:
    texts = _texts(call, name)
    is_command = name in COMMAND_ARGUMENTS or is_shell(call.tool, call.kind)
    if rule.action == "allow":
        return bool(texts) and all(_allows(text, pattern, is_command) for text in texts)
    if pattern == "*":
        return bool(texts)
    too_long = False
    for text in texts:
        try:
            if any(_glob(form, pattern) for form in _forms(text, is_command, name == "path")):
                return True
        except (ValueError, _TooLongError):
            too_long = True
    if too_long:
        raise _TooLongError
    return False


def _texts(call: _Call, name: str) -> list[str]:
    """What an argument holds; ValueError if that is too much."""
    if name == "command":
        return commands_of(call.tool, call.kind, call.input)
    if name == "path":
        return paths_of(call.input)
    return texts_in(call.input[name]) if name in call.input else []


def _allows(text: str, pattern: str, is_command: bool) -> bool:
    if pattern == "*":
        return True
    if not _glob(text, pattern):
        return False
    if not _WILDCARD.search(pattern):
        return True
    if is_command:
        return not (shell.joins(text) or shell.may_climb(text))
    return not shell.climbs(text)


def _forms(text: str, is_command: bool, is_path: bool) -> Iterator[str]:
    """The text in every form in which a strict rule must know it."""
    yield text
    if len(text) > LONGEST_VALUE:
        raise _TooLongError
    if is_command:
        yield from shell.parts(text)
    if is_path:
        normal = posixpath.normpath(text)
        # It keeps two slashes at the beginning, which POSIX lets mean anything.
        yield normal.removeprefix("/") if normal.startswith("//") else normal


def _glob(text: str, pattern: str) -> bool:
    if len(text) > LONGEST_VALUE:
        raise _TooLongError
    return fnmatchcase(text, pattern)
