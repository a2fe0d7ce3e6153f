"""How far a shell command can be understood without being a shell: only to be careful."""

from __future__ import annotations

import re
from collections.abc import Iterator

MOST_PARTS = 500

_JOINS = re.compile(r"[;&|`\n\r\0>]|[$<=]\(")
_BETWEEN = re.compile(r"[;&|`\n\r\0<>(){}]+")
_CONTROL = re.compile(r"[;&|\n\r\0]+")
_QUOTING = re.compile(r"['\"\\]")
_UP = re.compile(r"(?<!\.)(?:\.|%2e){2}(?![\w.-])", re.IGNORECASE)
# A name's leading dot is matched by a written dot alone: `.?`, `.{.,x}`, `{x,.}.`, but not `*.py`.
_EXPANDS_TO_UP = re.compile(r"(?:^|[\s/:={,])\.+[{},?*\[]")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
_BEFORE_A_COMMAND = frozenset(
    ("!", "builtin", "command", "do", "doas", "elif", "else", "env", "exec", "if", "nohup", "sudo")
) | {"ionice", "nice", "setsid", "stdbuf", "then", "time", "timeout", "until", "while", "xargs"}
_MOST_VALUES = 3


def joins(command: str) -> bool:
    """True if it may run more than one program, or write a file: `;` `&` `|` `>`, a backtick, a
    new line, `$(`, `<(`. What stands in quotes counts too."""
    return _JOINS.search(command) is not None


def climbs(path: str) -> bool:
    """True if it has a `..` segment."""
    return _UP.search(path) is not None


def may_climb(command: str) -> bool:
    """True if a path in it has a `..` segment, or may have one when the shell has expanded it."""
    bare = _QUOTING.sub("", command)
    return climbs(bare) or _EXPANDS_TO_UP.search(bare) is not None or "$'" in command


def split(command: str) -> list[str]:
    """The commands that `command` may be joined of, without the signs that join them.

    ValueError if there are more than MOST_PARTS.
    """
    found = _BETWEEN.split(command, MOST_PARTS)
    if len(found) > MOST_PARTS:
        raise ValueError("too many parts")
    return [text for part in found if (text := part.strip(" \t$"))]


def parts(command: str) -> Iterator[str]:
    """Each command of `split`, as it stands and in its bare form; and with what it is given.

    `rm $(cat list)` is split at the parenthesis: here it is one, too. The bare form has no
    quotes, no assignments and `sudo`s before it, single blanks, and the program's name without
    its folder. How many words an option of such a `sudo` takes is not known: each way counts.
    """
    whole = [text for part in _CONTROL.split(command) if (text := part.strip(" \t"))]
    for part in dict.fromkeys((*split(command), *whole)):
        yield part
        words, prefixed = _bare(part)
        yield " ".join(words)
        for start in range(1, min(len(words), _MOST_VALUES + 1)) if prefixed else ():
            yield " ".join(_named(words[start:]))


def bare_words(part: str) -> list[str]:
    """The words of one part in the bare form that `parts` describes."""
    return _bare(part)[0]


def _bare(part: str) -> tuple[list[str], bool]:
    """`bare_words`, and whether a `sudo` or its like was taken from before them."""
    words = _QUOTING.sub("", part).split()
    start, prefixed = 0, False
    for word in words:
        if word in _BEFORE_A_COMMAND:
            prefixed = True
        elif not _ASSIGNMENT.match(word) and not (prefixed and word.startswith("-")):
            break
        start += 1
    bare = words[start:]
    return _named(bare) if bare else words, prefixed


def _named(words: list[str]) -> list[str]:
    """The words with the program's name without its folder."""
    return [words[0].rpartition("/")[2] or words[0], *words[1:]]
