"""Letters that look like other letters: of another script, or another form of the same.

A host, a program or a path that is read as a known one and is none. A guess, no proof: only the
scripts whose letters are taken for Latin ones are told.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

_ALIKE = ("CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "DESERET", "OSAGE")
_FORM = "\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\U0001d400-\U0001d7ff\u24b6-\u24e9\u212a\u017f"
_FORMS = re.compile(f"[{_FORM}]")
_MAY_BE_ALIKE = re.compile(
    f"[{_FORM}\u0370-\u058f\u13a0-\u13ff\u1c80-\u1c8f\u1f00-\u1fff\u2c80-\u2cff\u2de0-\u2dff"
    "\ua4d0-\ua4ff\ua640-\ua69f\uab70-\uabbf\U00010400-\U000104ff]"
)
_SIGNS = re.compile("[\u2024\u2025\u2044\u2215\u29f8\u29f9\uff0e\uff0f\uff3c]")
_WORD = re.compile(r"[^\W_]+(?:[^\W_]|['\u2019-])*")
_LONGEST_WORD = 60


def mixed_words(text: str) -> Iterator[str]:
    """Words with letters of Latin and of a script that looks like it, or in an odd form."""
    if not _MAY_BE_ALIKE.search(text):
        return
    for match in _WORD.finditer(text):
        if not match[0].isascii() and is_mixed(match[0]):
            yield match[0][:_LONGEST_WORD]


def is_mixed(word: str) -> bool:
    """True if it has letters of several scripts that look alike, or letters in an odd form."""
    if _FORMS.search(word):
        return True
    scripts = {_script(character) for character in word if character.isalpha()}
    return len(scripts & {"LATIN", *_ALIKE}) > 1


def unmixed(text: str) -> str:
    """`text` with the odd letters of such words, and odd signs, as codes."""
    text = _SIGNS.sub(lambda sign: spelled(sign[0]), text)
    if not _MAY_BE_ALIKE.search(text):
        return text
    return _WORD.sub(lambda word: spelled(word[0]) if is_mixed(word[0]) else word[0], text)


def sign_in(text: str) -> str | None:
    """The code of the first sign that looks like one that paths and hosts are made of."""
    found = _SIGNS.search(text)
    return None if found is None else spelled(found[0])


def looks_foreign(name: str) -> bool:
    """True of a name that is written with letters or signs that are taken for ASCII ones."""
    if name.isascii():
        return False
    scripts = {_script(character) for character in name if character.isalpha()}
    return bool(is_mixed(name) or scripts & set(_ALIKE) or _SIGNS.search(name))


def spelled(name: str) -> str:
    """`name` with each character that is not ASCII as its code."""
    return "".join(
        character if character.isascii() else f"<U+{ord(character):04X}>" for character in name
    )


def as_ascii(host: str) -> str:
    """A host as the network has it, `xn--...`; as codes if it cannot be one."""
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return spelled(host)


def as_text(host: str) -> str:
    """A host with its `xn--` labels as people would see them; itself if they are none."""
    try:
        return host.encode("ascii").decode("idna")
    except UnicodeError:
        return host


@lru_cache(maxsize=4096)
def _script(character: str) -> str:
    return unicodedata.name(character, "").partition(" ")[0]
