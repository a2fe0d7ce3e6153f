"""What can be read of a JSON object that is damaged or ends too early. No I/O, never raises.

What was opened is closed at the end, what is no JSON is passed over, and a quote that cannot
end a text, for nothing of JSON follows it, is part of the text.
"""

from __future__ import annotations

import json
import re
from typing import Any

MOST_TOKENS = 50_000
"""How far a damaged object is read: at most so many texts, numbers, words and marks."""

_TOKEN = re.compile(
    r"""\s*(?:
      "(?P<text>[^"\\]*(?:(?:\\.|"(?!\s*(?:[,:}\]]|$)))[^"\\]*)*)(?:"|\\?$)
    | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.])
    | (?P<word>true|false|null)\b
    | (?P<mark>[{}\[\]:,])
    | (?P<noise>[^\s"{}\[\]:,]+|.)
    )""",
    re.VERBOSE | re.DOTALL,
)
_SCALAR = re.compile(
    rb'(?<!\\)"(\w{1,64})"\s*:\s*("[^"\\]{0,500}"|true|false|null|-?\d+(?:\.\d+)?(?=\s*[,}]))'
)
VERDICTS = frozenset(
    ("subtype", "status", "reason", "stopReason", "stop_reason", "terminal_reason", "phase")
)
"""Fields whose word tells how something went: a part of it tells nothing."""

_SEEN = 64 << 10
_WORDS = {"true": True, "false": False, "null": None}
_NAMES = re.compile(r"\s*:")
_CUT_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*(\\(?:u[0-9a-fA-F]{0,3})?)$")


def fragment(text: str) -> dict[str, Any]:
    """The fields of the object that `text` begins with, as far as they can be told.

    A number beyond what a float holds is None, and so is a value that did not come.
    """
    return _Reader().read(text)


def scalars(line: bytes) -> dict[str, Any]:
    """The plain values by name that can be seen in a line, at any depth; of a name the first.

    For an object so damaged that it cannot be told where its texts end.
    """
    found: dict[str, Any] = {}
    for match in _SCALAR.finditer(line[:_SEEN] + b" " + line[_SEEN:][-_SEEN:]):
        name, value = match[1].decode(), match[2].decode("utf-8", "replace")
        if name in found:
            continue
        if value.startswith('"'):
            found[name] = value[1:-1]
        else:
            found[name] = _WORDS[value] if value in _WORDS else _number(value)
    return found


class _Reader:
    """A stack of what is open; `key` is the field whose value is due."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        self._open: list[Any] = []
        self._keys: list[str | None] = []
        self._name: str | None = None

    def read(self, text: str) -> dict[str, Any]:
        for count, token in enumerate(_TOKEN.finditer(text)):
            if count == MOST_TOKENS or (count and not self._open):
                break
            self._take(token)
        return self.root

    def _take(self, token: re.Match[str]) -> None:
        kind = token.lastgroup
        if kind == "mark":
            self._mark(token["mark"])
        elif kind == "text":
            names = _NAMES.match(token.string, token.end()) is not None
            self._text(token["text"], names=names, cut=token.end("text") == len(token.string))
        elif kind == "number":
            self._put(_number(token["number"]))
        elif kind == "word":
            self._put(_WORDS[token["word"]])

    def _text(self, text: str, *, names: bool, cut: bool) -> None:
        """A text, perhaps cut; `names` tells that a colon follows: it is a name, or ends in one."""
        due = not self._open or type(self._open[-1]) is list or self._keys[-1] is not None
        if due and names and (quote := text.rfind('"')) >= 0 and text[quote - 1 : quote] != "\\":
            # The quote between a value and the next name is gone.
            self._put(unescaped(text[:quote]))
            self._next()
            text, due = text[quote + 1 :], False
        if due:
            is_word = self._open and type(self._open[-1]) is dict and self._keys[-1] in VERDICTS
            self._put(None if cut and is_word else unescaped(text))
        else:
            self._name = unescaped(text)

    def _mark(self, mark: str) -> None:
        if mark == ":":
            if self._open and type(self._open[-1]) is dict and self._name is not None:
                self._keys[-1], self._name = self._name, None
                self._open[-1][self._keys[-1]] = None
        elif mark == ",":
            self._next()
        elif mark in "{[":
            value: Any = {} if mark == "{" else []
            if not self._open:
                value = self.root
            self._put(value)
            self._name = None
            self._open.append(value)
            self._keys.append(None)
        else:
            kind = dict if mark == "}" else list
            if any(type(holder) is kind for holder in self._open):
                while type(self._open.pop()) is not kind:
                    self._keys.pop()
                self._keys.pop()

    def _next(self) -> None:
        if self._keys:
            self._keys[-1] = self._name = None

    def _put(self, value: Any) -> None:
        if not self._open:
            return
        holder = self._open[-1]
        if isinstance(holder, list):
            holder.append(value)
        elif self._keys[-1] is not None:
            holder[self._keys[-1]] = value
            self._keys[-1] = None


def unescaped(text: str) -> str:
    """What stands between the quotes of a JSON text, which may be cut in an escape."""
    cut = _CUT_ESCAPE.search(text)
    if cut is not None:
        text = text[: cut.start(1)]
    if "\\" not in text:
        return text
    text = re.sub(r'(?<!\\)((?:\\\\)*)"', r'\1\\"', text)
    try:
        whole: str = json.loads(f'"{text}"', strict=False)
    except ValueError:
        return text
    return whole


def _number(text: str) -> float | int | None:
    if len(text) > 400:
        return None
    return float(text) if any(mark in text for mark in ".eE") else int(text)
