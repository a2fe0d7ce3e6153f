"""Finds a UI's answer in what its screen shows. No I/O.

It is what has come since the prompt was submitted, without the prompt itself and without the
line that waits for the next one. Lines that the program wrapped by itself stay wrapped.
"""

from __future__ import annotations

import re

_FRAME = re.compile(r"\s*[\u2500-\u257f][\s\u2500-\u257f]*")


def answer(before: str, after: str, prompt: str) -> str:
    """What `after` shows that `before`, with `prompt` in the box, does not."""
    old, new = _lines(before), _lines(after)
    same = 0
    for one, other in zip(old, new, strict=False):
        if one.rstrip() != other.rstrip():
            break
        same += 1
    rest = new[same:]
    if same < len(old):
        # The UI has drawn anew what stood there, and so the prompt.
        rest = _without_echo(rest, prompt)
    rest = _without_box(rest, old, prompt)
    return "\n".join(line.rstrip() for line in rest).strip("\n")


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def _without_echo(lines: list[str], prompt: str) -> list[str]:
    wanted, found = _packed(prompt), ""
    for number, line in enumerate(lines):
        found += _packed(line)
        at = found.find(wanted)
        if at >= 0:
            # Before it only what marks a prompt, after it nothing.
            marked = not any(letter.isalnum() for letter in found[:at])
            return lines[number + 1 :] if marked and found[at:] == wanted else lines
        if len(found) > len(wanted) + 200:
            break
    return lines


def _without_box(lines: list[str], old: list[str], prompt: str) -> list[str]:
    """Without the line that waits; what was printed before it on that very line stays."""
    old, lines = old[:], lines[:]
    while old and _FRAME.fullmatch(old[-1]):
        if lines and _FRAME.fullmatch(lines[-1]):
            lines.pop()
        old.pop()
    if not lines:
        return lines
    *rest, last = lines
    given = prompt.split("\n")
    box = old[-len(given) :]
    if len(box) == len(given) and box[0].rstrip().endswith(given[0].rstrip()):
        mark = box[0].rstrip().removesuffix(given[0].rstrip()).rstrip()
        if mark and last.rstrip().endswith(mark):
            rest.append(last.rstrip().removesuffix(mark))
    while rest and not rest[-1].strip():
        rest.pop()
    above = old[-len(given) - 1] if len(old) > len(given) else ""
    if rest and _FRAME.fullmatch(above) and _FRAME.fullmatch(rest[-1]):
        rest.pop()
    return rest


def _packed(text: str) -> str:
    return "".join(text.split())
