"""The option `terminal` of a custom command: what its own UI is like."""

from __future__ import annotations

import re

import msgspec

from agent_runner.errors import BadRequestError

PROMPT_LINE = r"(?:[>$#] |\u276f|>>>)\s*$"
"""The line that waits, unless the agent says otherwise."""

LONGEST_PATTERN = 256
MOST_KEYS = 20

_KEY = re.compile(
    r"(?:[CMS]-)*(?:[!-~]|Enter|Escape|Tab|BTab|BSpace|Space|Up|Down|Left|Right|Home|End"
    r"|PPage|PageUp|NPage|PageDown|IC|Insert|DC|Delete|F(?:[1-9]|1[0-2]))"
)


class ScreenOptions(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A UI that is only looked at.

    `prompt` is a regular expression for the last line of its screen that is not blank, when
    it waits for input. The others are keys by tmux's names: to end a turn, to submit a prompt,
    to empty the line. `multiline` says that it takes a bracketed paste, so that a prompt may
    have several lines.
    """

    prompt: str = PROMPT_LINE
    interrupt: list[str] = msgspec.field(default_factory=lambda: ["C-c"])
    submit: list[str] = msgspec.field(default_factory=lambda: ["Enter"])
    clear: list[str] = msgspec.field(default_factory=lambda: ["C-u"])
    multiline: bool = False


def check(options: ScreenOptions) -> ScreenOptions:
    """`options`, if a driver can go by them; BadRequestError `invalid_option` otherwise."""
    try:
        pattern = re.compile(options.prompt)
    except (re.error, RecursionError, OverflowError) as error:
        raise BadRequestError(
            "invalid_option", f"terminal.prompt is no regular expression: {error}"
        ) from None
    if len(options.prompt) > LONGEST_PATTERN or pattern.search("") is not None:
        raise BadRequestError(
            "invalid_option",
            "terminal.prompt is too long, or matches every line",
            hint=f"at most {LONGEST_PATTERN} characters; for example {PROMPT_LINE}",
        )
    for name in ("interrupt", "submit", "clear"):
        keys: list[str] = getattr(options, name)
        for key in keys:
            if not _KEY.fullmatch(key):
                raise BadRequestError(
                    "invalid_option",
                    f"terminal.{name}: {key[:80]!r} is no key",
                    hint="tmux's names, such as Enter, Escape, C-c or y",
                )
        if len(keys) > MOST_KEYS or (not keys and name != "clear"):
            raise BadRequestError(
                "invalid_option", f"terminal.{name} needs one to {MOST_KEYS} keys"
            )
    return options
