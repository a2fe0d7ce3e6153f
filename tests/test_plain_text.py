"""No text acts on a terminal, hides a part of itself, or grows over its neighbours."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runner.plain_text import MOST_MARKS, clean, escaped, one_line

# Format characters that are seen, or belong to a script whose letters they join.
SEEN = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
SEEN |= {*range(0x13430, 0x13440)}
JOINERS = {0x200C, 0x200D}


def test_every_character_that_is_no_text_is_shown_as_such() -> None:
    """Over all of Unicode: controls, formats, separators, surrogates."""
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        category = unicodedata.category(character)
        harmless = category not in ("Cc", "Cf", "Cs", "Zl", "Zp") or code in SEEN
        if character in "\n\t" or (harmless and category != "Cn"):
            unseen = 0x3164, 0xFFA0, *range(0xE0100, 0xE01F0)
            assert clean(f"a{character}b") == ("a\ufffdb" if code in unseen else f"a{character}b")
        elif not harmless:
            assert clean(f"a{character}b") == "a\ufffdb", hex(code)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, äöü 漢字 עברית\n\tline", "plain, äöü 漢字 עברית\n\tline"),
        ("\x1b[2J\x1b[31mred", "�[2J�[31mred"),
        ("\x1b]52;c;cHduZWQ=\x07", "�]52;c;cHduZWQ=�"),
        ("\x1b]0;title\x1b\\", "�]0;title�\\"),
        ("\x9b2J\x90q\x9c\x9d0;x\x07", "�2J�q��0;x�"),
        ("a\x08b\x7fc\x00d\x0be\x0c", "a�b�c�d�e�"),
        ("safe\rEVIL", "safe�EVIL"),
        ("dos\r\nline\n\r", "dos\nline\n�"),
        ("\u202eevil\u202c \u2066a\u2069 \u200f\u200e\u061c", "�evil� �a� ���"),
        ("s\u2028e\u2029p\x85", "s�e�p�"),
        ("r\u200bm\u2060 \ufeff-\xadrf\u180e", "r�m� �-�rf�"),
        ("r\u200cm \u200d/", "r�m �/"),
        ("tag\U000e0041\U000e007f", "tag��"),
        ("half\ud83d", "half�"),
        (
            "👩\u200d💻 🏳\ufe0f\u200d🌈 👨\u200d👩\u200d👧",
            "👩\u200d💻 🏳\ufe0f\u200d🌈 👨\u200d👩\u200d👧",
        ),
        ("می\u200cرود क्\u200dष", "می\u200cرود क्\u200dष"),
    ],
)
def test_the_corpus(text: str, shown: str) -> None:
    assert clean(text) == shown
    assert clean(shown) == shown
    assert one_line(text, 100) == shown.replace("\n", "↵").replace("\t", " ")


def test_floods_of_marks_are_cut() -> None:
    for mark in ("\u0301", "\u0e47", "\u20dd", "\u0489", "\ufe0f"):
        assert clean(f"a{mark * 1000}b{mark}") == f"a{mark * MOST_MARKS}b{mark}"
    both = "\u0301\u0e47" * 500
    assert clean(f"a{both}") == f"a{both[:MOST_MARKS]}"
    several = "ש\u05c1\u05bc\u05b8\u0591 " * 100
    assert clean(several) == several


def test_one_line_is_cut_where_it_says_so() -> None:
    assert one_line("a\nb\tc", 5) == "a↵b c"
    assert one_line("abcdef", 6) == "abcdef"
    assert one_line("abcdefg", 6) == "abcde…"
    flood = "a" + "\u0301" * 10_000
    assert one_line(f"{flood}hidden", 20) == f"{flood[: 1 + MOST_MARKS]}…"
    assert one_line("\r\n" * 50, 10) == "↵↵↵↵↵↵↵↵↵…"
    assert one_line("", 5) == ""


LATIN_1 = "".join(map(chr, range(256)))


@given(st.text(st.characters(), max_size=50) | st.text(LATIN_1, max_size=50))
def test_a_cleaned_text_can_be_printed_anywhere(text: str) -> None:
    shown = clean(text)
    shown.encode()
    assert clean(shown) == shown
    assert not [c for c in shown if unicodedata.category(c) == "Cc" and c not in "\n\t"]
    assert "\n" not in one_line(text, 10)
    assert len(one_line(text, 10)) <= 10


@given(st.text(max_size=50) | st.sampled_from(["\x7f\x9b", "\u202e", "\U000e0041\u200b"]))
def test_escaped_json_means_the_same(text: str) -> None:
    given_json = json.dumps({"text": text}, ensure_ascii=False)
    shown = escaped(given_json)
    assert json.loads(shown) == {"text": text}
    assert "\ufffd" not in clean(shown.replace("\ufffd", ""))
    assert escaped('"\ud83d"') == '"\\ud83d"'
