"""Text that may be shown on a terminal: nothing in it acts on the terminal."""

from __future__ import annotations

import re

# C0 and C1 controls except newline and tab, ESC, DEL, and the characters that reorder text:
# a tool's output must not move the cursor, set the clipboard or forge a prompt.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069]"
)


def clean(text: str) -> str:
    """`text` with every character that could act on the terminal shown as U+FFFD."""
    return _UNSAFE.sub("\ufffd", text)


def escaped_json(text: str) -> str:
    """JSON text with the same characters escaped, so that its value stays the same.

    JSON escapes C0 itself, but lets DEL, C1 and the marks that reorder text through.
    """
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
