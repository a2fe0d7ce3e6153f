"""Finds a UI's answer in what its screen shows. No I/O.

It is what has come since the prompt was submitted, without the prompt itself and without the
line that waits for the next one. Lines that the program wrapped by itself stay wrapped.
"""

from __future__ import annotations

import re

_FRAME = re.compile(r"\s*[\u2500-\u257f][\s\u2500-\u257f]*")


def answer(before: str, after: str, prompt: str) -> tuple[str, bool]:
    """What `after` shows that `before`, with `prompt` in the box, does not.

    True with it if the beginning is nowhere to be seen.
    """
    old, new = _lines(before), _lines(after)
    same = 0
    for one, other in zip(old, new, strict=False):
        if one.rstrip() != other.rstrip():
            break
        same += 1
    rest, cut = new[same:], False
    if same < len(old):
        # The UI has drawn anew what stood there, and so the prompt.
        found = _after_echo(rest, prompt, _mark(old, prompt))
        cut = found is None and same == 0
        rest = rest if found is None else found
    rest = _without_box(rest, old, prompt)
    return "\n".join(line.rstrip() for line in rest).strip("\n"), cut


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def _mark(old: list[str], prompt: str) -> str:
    """What stands before a prompt; "" if that is not to be seen."""
    given = prompt.split("\n")
    box = old[-len(given) :]
    if len(box) < len(given) or not box[0].rstrip().endswith(given[0].rstrip()):
        return ""
    return box[0].rstrip().removesuffix(given[0].rstrip()).rstrip()


def _after_echo(lines: list[str], prompt: str, mark: str) -> list[str] | None:
    """What follows the last prompt that is marked so, or one that stands first."""
    starts = [n for n, line in enumerate(lines) if mark and line.rstrip().startswith(mark)]
    for start in [*reversed(starts), 0]:
        end = _echo_end(lines[start:], prompt)
        if end:
            return lines[start + end :]
    return None


def _echo_end(lines: list[str], prompt: str) -> int:
    """How many lines at the beginning are the prompt and its mark; 0 if they are not."""
    wanted, found = _packed(prompt), ""
    for number, line in enumerate(lines, 1):
        found += _packed(line)
        at = found.find(wanted)
        if at >= 0:
            marked = not any(letter.isalnum() for letter in found[:at])
            return number if marked and found[at:] == wanted else 0
        if len(found) > len(wanted) + 200:
            break
    return 0


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
    mark = _mark(old, prompt)
    if mark and last.rstrip().endswith(mark):
        rest.append(last.rstrip().removesuffix(mark))
    while rest and not rest[-1].strip():
        rest.pop()
    typed = prompt.count("\n") + 1
    above = old[-typed - 1] if len(old) > typed else ""
    if rest and _FRAME.fullmatch(above) and _FRAME.fullmatch(rest[-1]):
        rest.pop()
    return rest


def _packed(text: str) -> str:
    return "".join(text.split())
