"""Takes out of a text what differs between two runs that did the same.

Escape sequences go; a run's own folder, times, ids and durations become words in angle brackets.
Done twice it changes nothing more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from shadow.times import without_times

MOST_LEVELS = 50
"""Nesting of a value that is looked into; what lies deeper becomes `<deep>`."""

_ANSI = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?"
    r"|[PX^_][^\x1b]*(?:\x1b\\)?|[@-Z\\-_]?)"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_RULES = (
    (
        re.compile(
            r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE
        ),
        "<id>",
    ),
    (re.compile(r"\b(?:toolu|call|msg|req|run|turn|conv|proc|sess|session)_\w{6,}\b"), "<id>"),
    (re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,64}\b"), "<id>"),
    (re.compile(r"(?<![\w./-])/tmp/[\w.-]+"), "<tmp>"),
    (
        re.compile(
            r"\b\d+(?:\.\d+)? ?(?:ns|us|µs|ms|s|secs?|seconds?|m|mins?|minutes?|h|hours?)\b"
        ),
        "<duration>",
    ),
    (re.compile(r"\bpid:? \d+\b", re.IGNORECASE), "<pid>"),
)
_TRAILING = re.compile(r"[ \t]+$", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n{3,}")
_AFTER_ROOT = r"(?![\w-]|\.\w)"


def normalise(text: str, roots: Sequence[str] = ()) -> str:
    """`text` as another run would have it; `roots` are the run's own folders: `<cwd>`."""
    text = text.replace("\r\n", "\n")
    text = _CONTROL.sub("", _ANSI.sub("", text))
    for root in sorted(filter(None, roots), key=len, reverse=True):
        if root.strip("/"):
            text = re.sub(re.escape(root.rstrip("/")) + _AFTER_ROOT, "<cwd>", text)
    text = without_times(text)
    for pattern, word in _RULES:
        text = pattern.sub(word, text)
    return _BLANK_LINES.sub("\n\n", _TRAILING.sub("", text)).strip()


def normalise_value(value: Any, roots: Sequence[str] = (), *, level: int = 0) -> Any:
    """Normalise every text in a JSON value; keys stay."""
    if level == MOST_LEVELS:
        return "<deep>"
    if isinstance(value, str):
        return normalise(value, roots)
    if isinstance(value, dict):
        return {key: normalise_value(item, roots, level=level + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [normalise_value(item, roots, level=level + 1) for item in value]
    return value
