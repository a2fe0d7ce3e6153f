"""Foreign text made fit for a terminal: it is seen, and does nothing.

A tool's output must not move the cursor, set the clipboard, forge a question or hide a part of
itself. What could is shown as U+FFFD, so that it is seen that something was there.
"""

from __future__ import annotations

import re
import unicodedata

MOST_MARKS = 8
"""Marks on one character; more of them grow over the lines around."""

_SHOWN = "\ufffd"

# Beside these the two joiners have work to do: Arabic and Indic letters, and emoji.
_JOINED = "\u0600-\u0dff\u2190-\u27bf\u2b00-\u2bff\ufe0f\U0001f300-\U0001faff"

_UNSAFE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but newline and tab, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # turn the direction of text
    "\u2028\u2029"  # end lines
    "\xad\u180e\u200b\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb"  # have no width
    "\u3164\uffa0\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\ud800-\udfff"  # halves of a pair: no stream can encode them
    f"]|(?<![{_JOINED}])[\u200c\u200d]|[\u200c\u200d](?![{_JOINED}])"
)
_MAY_BE_MARKS = re.compile(f"[^\x00-\u02ff]{{{MOST_MARKS + 1},}}")


def clean(text: str) -> str:
    """`text` on its lines, with its tabs; CR LF is a line end. A text may be a piece of one."""
    if text.isascii() and text.isprintable():
        return text
    text = _UNSAFE.sub(_SHOWN, text.replace("\r\n", "\n"))
    return text if text.isascii() else _MAY_BE_MARKS.sub(_with_fewer_marks, text)


def one_line(text: str, most: int) -> str:
    """`text` cleaned, on one line: line ends as ↵, tabs as blanks; cut at `most` characters."""
    head = text[: 4 * most]
    line = clean(head).replace("\n", "↵").replace("\t", " ")
    return line if len(line) <= most and head == text else f"{line[: most - 1]}…"


def escaped(json_text: str) -> str:
    """JSON that means the same, with what `clean` would not show as escapes."""
    return _UNSAFE.sub(_escape, json_text)


def _escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _with_fewer_marks(match: re.Match[str]) -> str:
    kept: list[str] = []
    marks = 0
    for character in match[0]:
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        if marks <= MOST_MARKS:
            kept.append(character)
    return "".join(kept)
