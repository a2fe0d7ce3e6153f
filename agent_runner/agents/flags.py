"""Checks on option values before they become a command line."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from agent_runner.agents.base import AgentOptions
from agent_runner.errors import BadRequestError

_NAMES = dict(
    zip(AgentOptions.__struct_fields__, AgentOptions.__struct_encode_fields__, strict=True)
)

_LETTERS = re.compile(r"-([A-Za-z]+)")
_END_OF_NAME = re.compile(r"[=.]")
_SEPARATORS = re.compile(r"[-_]")


def flag(name: str, value: str) -> str:
    """`--name=value`: one argument, so that a value beginning with `-` is no flag."""
    return f"--{name}={clean(value, name)}"


def clean(value: str, what: str) -> str:
    """`value`, if a command line can hold it; BadRequestError otherwise."""
    if "\0" in value:
        raise BadRequestError("invalid_option", f"{what} holds a NUL character")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise BadRequestError("invalid_option", f"{what} is not valid Unicode") from None
    if size > 100_000:
        raise BadRequestError("invalid_option", f"{what} is too long for a command line")
    return value


def command(options: AgentOptions, type_: str, example: str) -> None:
    """BadRequestError unless the options have a command that can be started."""
    if not options.command or not options.command[0].strip():
        raise BadRequestError(
            "missing_command", f"an agent of type {type_} needs command", hint=example
        )
    for word in (*options.command, *options.extra_args):
        clean(word, "command")


def tool_list(names: list[str], what: str, flag: str) -> str:
    """The value of `flag`: tool names joined by commas; none may be empty."""
    if any(not name.strip() for name in names):
        raise BadRequestError("invalid_option", f"{what} holds an empty name")
    return clean(",".join(names), flag)


def extra_args(
    options: AgentOptions, reserved: Collection[str], *, positionals: bool = False
) -> list[str]:
    """`extra_args`, without the flags the adapter must own.

    Refused: a reserved flag in any spelling (`names_one_of`), `--` (it would turn what follows
    into a prompt), and, unless `positionals`, a first word that is no flag. The service's own
    flags come after these, where the CLIs let the last one win.
    """
    words = options.extra_args
    for position, word in enumerate(words):
        clean(word, "extraArgs")
        if word == "--" or (position == 0 and not positionals and not word.startswith("-")):
            raise BadRequestError("invalid_option", f"extraArgs may not hold {word[:80]!r} there")
        if names_one_of(word, reserved):
            raise BadRequestError(
                "reserved_option",
                f"extraArgs may not hold {word.partition('=')[0][:80]}",
                hint="the service sets this flag itself; write the value of another flag as a word "
                "of its own",
            )
    return list(words)


def names_one_of(word: str, flags: Collection[str]) -> bool:
    """True if a CLI may take `word` for one of `flags`, which are like `--long-name` or `-s`.

    Their parsers know a long flag by more than its name: yargs by `--longName`, `--LONG-NAME`,
    `---long-name`, `--long-name.x` and `--no-long-name`, with a value behind `=` or not. Short
    ones come several in a word: `-abc` is `-a -b -c`, or `-a` with a value.
    """
    if not word.startswith("-"):
        return False
    if not word.startswith("--"):
        letters = _LETTERS.match(word)
        return letters is not None and any(f"-{letter}" in flags for letter in letters[1])
    name = _plain_name(word)
    owned = {_plain_name(flag) for flag in flags if flag.startswith("--")}
    return name in owned or (name.startswith("no") and name[2:] in owned)


def _plain_name(word: str) -> str:
    """What is left of a long flag's name in all its spellings."""
    return _SEPARATORS.sub("", _END_OF_NAME.split(word, maxsplit=1)[0]).lower()


def one_of(value: str, known: Collection[str], what: str) -> str:
    """`value`, if the CLI knows it. CLIs accept nonsense here without a word."""
    if value not in known:
        raise BadRequestError(
            "invalid_option", f"{what} {value[:80]!r} is unknown", hint=f"one of {', '.join(known)}"
        )
    return value


def unsupported(options: AgentOptions, title: str, hints: dict[str, str]) -> None:
    """Refuse options that this CLI cannot honour, rather than ignoring them."""
    for name, hint in hints.items():
        if getattr(options, name):
            raise BadRequestError(
                "unsupported_option", f"{title} has no way to set {_NAMES[name]}", hint=hint
            )


def names_and_values(given: Any, what: str) -> list[dict[str, str]]:
    """An object of texts as a list of `{name, value}`; BadRequestError if it is none."""
    if given is None:
        return []
    if not isinstance(given, dict) or not all(isinstance(v, str) for v in given.values()):
        raise BadRequestError("invalid_option", f"{what} is no object of texts")
    return [{"name": str(name), "value": value} for name, value in given.items()]


def integer(value: int, what: str) -> str:
    """A positive number as text."""
    if value < 1:
        raise BadRequestError("invalid_option", f"{what} must be at least 1")
    return str(value)
