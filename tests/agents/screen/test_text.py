"""What of a screen is the answer."""

from __future__ import annotations

import pytest

from agent_runner.agents.screen.text import answer

FRAME = "\u2500" * 8


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("> hello", "> hello\nhi\n> ", "hi"),
        ("> hello", "> hello\nhi\n\n> \n\n", "hi"),
        ("> hello", "> hello\n\n  two\n\nlines  \n> ", "  two\n\nlines"),
        ("> hello", "> hello\nhello\n> ", "hello"),
        ("> hello\nhi\n> hello", "> hello\nhi\n> hello\nhi\n> ", "hi"),
        ("$ hello", "$ hello\nhi$ ", "hi"),
        ("a:/x$ hello", "a:/x$ hello\nhi\na:/y$ ", "hi"),
        ("In [1]: hello", "In [1]: hello\nOut[1]: hi\n\nIn [2]: ", "Out[1]: hi"),
        ("> hello", "> hello\n> ", ""),
        ("> hello", "hi\n> ", "hi"),
        ("> hello", "", ""),
        ("", "", ""),
        (f"Old.\n{FRAME}\n> hello", f"Old.\n> hello\n\nhi\n{FRAME}\n> ", "hi"),
        (f"Old.\n{FRAME}\n> hello\n{FRAME}", f"Old.\n> hello\nhi\n{FRAME}\n> \n{FRAME}", "hi"),
        (f"Old.\n{FRAME}\n> hello", f"Old.\n> hel\n  lo\nhi\n{FRAME}\n> ", "hi"),
        (f"Old.\n{FRAME}\n> hello", f"Old.\nhello, you\n{FRAME}\n> ", "hello, you"),
        ("> hello", f"> hello\n{FRAME}\nhi\n{FRAME}\n> ", f"{FRAME}\nhi\n{FRAME}"),
    ],
)
def test_an_answer(before: str, after: str, said: str) -> None:
    assert answer(before, after, "hello")[0] == said


def test_a_prompt_of_several_lines() -> None:
    before, prompt = f"Old.\n{FRAME}\n> one\ntwo", "one\ntwo"
    assert answer(before, f"Old.\n> one\ntwo\nhi\n{FRAME}\n> ", prompt) == ("hi", False)
    assert answer("> one\ntwo", "> one\ntwo\nhi\n> ", prompt) == ("hi", False)


def test_a_screen_that_has_scrolled_by_itself() -> None:
    before = f"One.\n> a\nTwo.\n{FRAME}\n> hello"
    assert answer(before, f"Two.\n> hello\nhello\n{FRAME}\n> ", "hello") == ("hello", False)
    assert answer(before, f"5\n6\n{FRAME}\n> ", "hello") == ("5\n6", True)


def test_what_is_left_of_a_cut_history() -> None:
    assert answer("> lines 9", "7\n8\n9\n> ", "lines 9") == ("7\n8\n9", True)
