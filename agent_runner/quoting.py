"""Values for other programs' small languages: the one place that quotes them.

Each function takes a value as it is and returns what that language reads as just this value.
SQL is not among them: its values are bound. Standard library only: the terminal driver starts
without site packages.
"""

from __future__ import annotations

import glob as _glob
import json
import os
import re
import shlex
from collections.abc import Iterable, Sequence
from urllib.parse import quote, quote_plus

_OF_A_RULE = re.compile(r"[*?\[\]\\(),!#\s]", re.ASCII)
_NOT_PLAIN = re.compile(r"[^\w@%+=:,./-]", re.ASCII)


def is_plain(text: str) -> bool:
    """True if a shell, and whoever splits at blanks, takes `text` for one word as it is."""
    return bool(text) and not _NOT_PLAIN.search(text)


def glob(text: str) -> str:
    """`text` in a pattern of `glob`."""
    return _glob.escape(text)


def regex(text: str) -> str:
    """`text` in a regular expression."""
    return re.escape(text)


def shell(words: Iterable[str]) -> str:
    """A line that a POSIX shell reads as these words."""
    return shlex.join(words)


def json_text(text: str) -> str:
    """`text` between the quotation marks of a JSON document."""
    return json.dumps(text)[1:-1]


def path(*words: str) -> str:
    """A URL's path of these words, `/agents/NAME`: each a single segment, whatever is in it."""
    return "".join(f"/{quote(word, safe='')}" for word in words)


def fragment(text: str) -> str:
    """A value in a URL's fragment, `#name=VALUE`."""
    return quote(text, safe="")


def parameter(data: bytes) -> list[str]:
    """The ways in which programs write a value in a URL: strictly, with its `/`, as of a form."""
    return [quote(data, safe=""), quote(data), quote_plus(data)]


def tmux(words: Iterable[str]) -> list[str]:
    """The words of one command on tmux's command line, where one that ends in `;` would end it.

    What tmux expands as a format (`new-session -c`, `display-message`) is no place for a value.
    """
    return [f"{word[:-1]}\\;" if word.endswith(";") else word for word in words]


def env(argv: Sequence[str]) -> list[str]:
    """`argv` behind the assignments of `env`, which takes a program with a `=` for one more."""
    return ["sh", "-c", 'exec "$0" "$@"', *argv] if "=" in argv[0] else list(argv)


def name(text: str) -> str:
    """`text` where names in braces are filled in (`tmux.places`, a profile's hook files)."""
    return text.replace("{", "{{}")


def path_entries(folders: Iterable[str]) -> list[str]:
    """Those of the folders that PATH can name: nothing quotes a `:` there."""
    return [folder for folder in folders if os.pathsep not in folder]


def rule(place: str) -> str:
    """The path `place` in a permission rule of Claude Code.

    That is a gitignore pattern, in brackets, in a list: what has a meaning in one of the three
    stands for any one character.
    """
    return _OF_A_RULE.sub("?", place)
