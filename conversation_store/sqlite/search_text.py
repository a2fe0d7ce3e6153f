"""Texts as the full-text index has them.

The index takes what stands between two blanks for a word. Languages that are written without
blanks would be one word a sentence: their letters are made words by marks of no width, which are
taken out again of what is shown. A query is treated in the same way, so that a word of several
such letters is a phrase.
"""

from __future__ import annotations

import re
import sqlite3

LONGEST = 1 << 18
"""Characters of a turn that are searched."""

MARK = "\u200b"

# Thai, Lao, Myanmar, Khmer, Han, Kana, Bopomofo, Hangul's syllables and letters.
_SINGLE = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]"
)


def search_text(text: str) -> str:
    """`text` as it is indexed, and as a word of a query is looked for."""
    cut = text[:LONGEST]
    return cut if cut.isascii() else _SINGLE.sub(rf"{MARK}\g<0>{MARK}", cut)


def shown(text: str) -> str:
    """An indexed text as it was."""
    return text.replace(MARK, "")


def scope_word(identifier: str) -> str:
    """An agent's name or a conversation's id as one word of the index."""
    return f"x{identifier.encode().hex()}"


def search_scope(agent_id: str, conversation_id: str) -> str:
    """The words that a turn is found by beside its own."""
    return f"{scope_word(agent_id)} {scope_word(conversation_id)}"


def define(connection: sqlite3.Connection) -> None:
    """Let statements on this connection use `search_text` and `search_scope`."""
    connection.create_function("search_text", 1, search_text, deterministic=True)
    connection.create_function("search_scope", 2, search_scope, deterministic=True)
