"""What a file is, is told by its bytes and by nothing that is said of it."""

from __future__ import annotations

import pytest

from agent_runner.attachments.media_type import BINARY, HEAD_BYTES, TEXT, contradicts, media_type

SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script/></svg>'


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a\1\0", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\0\0\0\0WAVEfmt ", BINARY),
        (b"%PDF-1.7", "application/pdf"),
        (b"PK\x03\x04", "application/zip"),
        (b"\x89PNG", BINARY),
        (b"plain words\n\ttoo", TEXT),
        ("naïve 针".encode(), TEXT),
        (SVG, TEXT),
        (b"<html><script>", TEXT),
        (b"GIF8", TEXT),
        (b"a\0b", BINARY),
        (b"caf\xe9", BINARY),
        ("针".encode() * 200, TEXT),
        (b"x" * (HEAD_BYTES - 1) + "é".encode()[:1], TEXT),
        (b"x" * 20 + "é".encode()[:1], BINARY),
        (b"\x1b[31mred", TEXT),
    ],
)
def test_by_the_first_bytes(head: bytes, found: str) -> None:
    assert media_type(head[:HEAD_BYTES]) == found


@pytest.mark.parametrize(
    ("claimed", "found", "lies"),
    [
        ("image/png", "image/png", False),
        ("IMAGE/JPG; q=1", "image/jpeg", False),
        ("image/png", "image/jpeg", True),
        ("image/png", TEXT, True),
        ("image/svg+xml", TEXT, True),
        ("application/pdf", TEXT, True),
        ("text/html", TEXT, False),
        ("application/octet-stream", "image/png", False),
        ("", BINARY, False),
    ],
)
def test_an_image_that_is_none_is_a_lie(claimed: str, found: str, *, lies: bool) -> None:
    assert contradicts(claimed, found) is lies
