"""The unified diff of two texts."""

from __future__ import annotations

import difflib

MOST_LINES = 2000
"""Of each text: what the diff takes grows with the product of both."""


def unified(primary: str, mirror: str) -> str:
    """The lines in which two answers differ, as `diff -u` shows them; "" if in none."""
    first, second = primary.splitlines(), mirror.splitlines()
    lines = difflib.unified_diff(
        first[:MOST_LINES], second[:MOST_LINES], "primary", "mirror", lineterm=""
    )
    text = "\n".join(lines)
    cut = len(first) > MOST_LINES or len(second) > MOST_LINES
    return f"{text}\n[only the first {MOST_LINES} lines were compared]" if cut else text
