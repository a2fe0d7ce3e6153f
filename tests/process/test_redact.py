"""Secrets are masked wherever the stream is cut, and nothing else changes."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runner.process.redact import Redactor, forms_of, secrets_in

SECRETS = ["sk-ant-0123456789", "sk-ant-0123", 'with "quotes" \\ inside', "aaaaaaaab"]
WORDS = [
    *SECRETS,
    json.dumps(SECRETS[2]),
    "sk-ant-",
    "aaaaaaaa",
    "a",
    "plain",
    "\n",
    "sk-sk-ant-0123456789",
]


def masked(data: bytes) -> bytes:
    forms = {form for s in SECRETS for form in forms_of(s)}
    for form in sorted(forms, key=len, reverse=True):
        data = data.replace(form, b"*" * len(form))
    return data


@given(st.lists(st.sampled_from(WORDS)), st.lists(st.integers(1, 12), min_size=1))
def test_any_cut_gives_the_same(words: list[str], sizes: list[int]) -> None:
    data = "".join(words).encode()
    redactor, out, at, turn = Redactor(SECRETS), b"", 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        out += redactor.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    out += redactor.flush()
    assert out == masked(data)


@given(st.lists(st.sampled_from(WORDS)))
def test_only_secrets_change(words: list[str]) -> None:
    data = "".join(words).encode()
    redactor = Redactor(SECRETS)
    assert redactor.feed(data) + redactor.flush() == masked(data)


def test_a_line_is_not_held_back() -> None:
    redactor = Redactor(SECRETS)
    assert redactor.feed(b"sk-ant\n") == b"sk-ant\n"
    assert redactor.feed(b"x sk-ant") == b"x "
    assert redactor.feed(b"-0123456789 y") == b"***************** y"


def test_one_that_begins_another_waits_for_the_rest() -> None:
    redactor = Redactor(["12345678", "12345678-the-rest"])
    assert redactor.feed(b"x 12345678") == b"x "
    assert redactor.feed(b"-the-rest y") == b"***************** y"
    assert redactor.feed(b"x 12345678") + redactor.flush() == b"x ********"


def test_one_whose_end_may_begin_another_is_masked_whole() -> None:
    redactor = Redactor(["abcdefgh-abc"])
    assert redactor.feed(b"abcdefgh-abc") == b"*" * 9
    assert redactor.feed(b"d\n") == b"***d\n"


SECRET = 'p@ss "word"/+ä-0123456789'


@pytest.mark.parametrize(
    "shown",
    [
        SECRET,
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        json.dumps({"content": json.dumps({"env": SECRET})}),
        quote(SECRET),
        quote_plus(SECRET),
        quote(SECRET, safe=""),
    ],
)
def test_every_form_of_a_secret_is_masked_byte_by_byte(shown: str) -> None:
    redactor, data = Redactor([SECRET]), f"<{shown}>".encode()
    out = b"".join(redactor.feed(data[i : i + 1]) for i in range(len(data))) + redactor.flush()
    assert len(out) == len(data)
    for piece in ("word", "0123456789"):
        assert piece.encode() not in out


@given(st.text(min_size=8, max_size=40), st.binary(max_size=5), st.binary(max_size=5))
def test_base64_of_a_secret_between_others_is_masked(
    secret: str, before: bytes, after: bytes
) -> None:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        coded = encode(before + secret.encode() + after)
        redactor = Redactor([secret])
        out = redactor.feed(coded) + redactor.flush()
        assert len(out) == len(coded)
        assert out.count(b"*") >= len(secret.encode()) * 4 // 3 - 6


def test_a_line_end_in_a_secret_stays() -> None:
    redactor = Redactor(["first line\nsecond line"])
    assert redactor.feed(b"first line\nsecond line\n") == b"**********\n***********\n"


def test_what_was_masked_is_known_by_its_place() -> None:
    redactor = Redactor(["hunter2-hunter2"])
    out = redactor.feed(b"a hunter2-hun") + redactor.feed(b"ter2 b") + redactor.flush()
    assert out == b"a *************** b"
    assert redactor.hidden == [(2, b"hunter2-hunter2")]


def test_without_secrets_the_very_bytes_pass() -> None:
    chunk = b"anything"
    assert Redactor().feed(chunk) is chunk


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("ANTHROPIC_API_KEY", "k" * 20, True),
        ("GITHUB_TOKEN", "t" * 20, True),
        ("my_password", "p" * 20, True),
        ("ANTHROPIC_API_KEY", "short", False),
        ("PATH", "/usr/bin:/bin", False),
        ("GREETING", "a-neutral-name-and-a-long-value-0123", False),
        ("GREETING", "ghp_0123456789abcdefghij", True),
    ],
)
def test_which_values_are_secret(name: str, value: str, secret: bool) -> None:
    assert secrets_in({name: value}) == ([value] if secret else [])
