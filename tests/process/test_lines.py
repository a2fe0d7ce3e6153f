"""The line framer: any chunking, any bytes, bounded memory."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runner.process.lines import LineFramer, OversizeLine

# Few letters and many newlines, so that every kind of border comes up.
TEXTS = st.lists(st.sampled_from([b"\n", b"a", b"bc", b"\r\n", b"\0", b"\xe2\x80\xa8", b"d" * 9]))


def framed(chunks: list[bytes], limit: int) -> list[bytes | OversizeLine]:
    framer = LineFramer(limit)
    lines = [line for chunk in chunks for line in framer.feed(chunk)]
    return [_without_rest(line) for line in lines + framer.flush()]


def _without_rest(line: bytes | OversizeLine) -> bytes | OversizeLine:
    return line if isinstance(line, bytes) else msgspec.structs.replace(line, kept=b"")


def expected(data: bytes, limit: int) -> list[bytes | OversizeLine]:
    """The same by `bytes.split`, all at once."""
    lines: list[bytes | OversizeLine] = []
    offset = 0
    *whole, rest = data.split(b"\n")
    for line in [*whole, rest] if rest else whole:
        if len(line) <= limit:
            lines.append(line)
        else:
            lines.append(OversizeLine(len(line), hashlib.sha256(line).hexdigest(), offset))
        offset += len(line) + 1
    return lines


def chunked(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in pairwise(places)]


@given(pieces=TEXTS, cuts=st.lists(st.integers(0, 10_000)), limit=st.integers(1, 20))
def test_any_chunking_gives_the_lines_of_split(
    pieces: list[bytes], cuts: list[int], limit: int
) -> None:
    data = b"".join(pieces)
    assert framed(chunked(data, cuts), limit) == expected(data, limit)


@given(data=st.binary(max_size=300), cuts=st.lists(st.integers(0, 10_000)))
def test_no_byte_is_lost_or_changed(data: bytes, cuts: list[int]) -> None:
    lines = framed([*chunked(data, cuts), b""], 1000)
    joined = b"\n".join(line for line in lines if isinstance(line, bytes))
    assert joined == (data[:-1] if data.endswith(b"\n") else data)


def test_a_line_of_just_the_limit_is_whole() -> None:
    assert framed([b"x" * 10 + b"\n" + b"y" * 11 + b"\nz"], 10) == [
        b"x" * 10,
        OversizeLine(11, hashlib.sha256(b"y" * 11).hexdigest(), 11),
        b"z",
    ]


def peak_of(framer: LineFramer, chunk: bytes, total: int) -> int:
    tracemalloc.start()
    try:
        for _ in range(total // len(chunk)):
            framer.feed(bytes(bytearray(chunk)))  # never the same object twice
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_is_bounded_for_a_line_that_never_ends() -> None:
    limit, chunk = 1 << 20, b"x" * (1 << 16)
    framer = LineFramer(limit)
    assert peak_of(framer, chunk, 64 << 20) < 4 * limit
    (line,) = framer.feed(b"\n")
    assert isinstance(line, OversizeLine)
    assert line.length == 64 << 20


def kept(data: bytes, cuts: list[int], limit: int) -> bytes:
    framer = LineFramer(limit)
    (line,) = [line for chunk in chunked(data + b"\n", cuts) for line in framer.feed(chunk)]
    assert isinstance(line, OversizeLine)
    return line.kept


TEXT = st.text(st.sampled_from('aé😀"\\\n\u0001'), min_size=400, max_size=500)


@given(text=TEXT, cuts=st.lists(st.integers(0, 10_000)), escaped=st.booleans())
def test_what_is_kept_of_an_oversize_line_is_the_line_with_its_texts_cut(
    text: str, cuts: list[int], escaped: bool
) -> None:
    message = {"type": "x", "texts": [text, "short"], "id": 5, "last": text}
    line = json.dumps(message, ensure_ascii=escaped).encode()
    read = json.loads(kept(line, cuts, 300).decode("utf-8", "replace"), strict=False)
    assert (read["type"], read["texts"][1], read["id"]) == ("x", "short", 5)
    for cut in (read["texts"][0], read["last"]):
        assert text.startswith(cut.replace("\ufffd", "").rstrip("\ud83d"))
        assert 5 < len(cut) < 80
    assert kept(line, [], 300) == kept(line, cuts, 300)


@pytest.mark.parametrize("cut", range(80, 130))
def test_an_escape_that_two_pieces_share_is_not_cut_in_the_middle(cut: int) -> None:
    line = json.dumps({"type": "x", "text": "\u0001" * 400, "id": 5}).encode()
    for limit in (290, 300, 310):
        assert json.loads(kept(line, [cut], limit))["id"] == 5


def test_little_is_kept_of_an_oversize_line_whatever_it_is() -> None:
    for piece in (b"x", b'"', b'"",', b"{", b"\\", b'"\\', b'"a":["b"],'):
        line = (piece * 100_000)[:100_000]
        assert line.startswith(kept(line, [50_000], 2000)[:400])
        assert len(kept(line, [50_000], 2000)) < 3000


def test_memory_is_bounded_for_bytes_that_come_in_drops() -> None:
    limit = 1 << 18
    assert peak_of(LineFramer(limit), b"xy", limit) < 4 * limit
