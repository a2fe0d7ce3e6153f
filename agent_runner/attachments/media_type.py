"""What a file is, told by its first bytes: what it is called and said to be does not count."""

from __future__ import annotations

HEAD_BYTES = 512

IMAGES = frozenset(("image/png", "image/jpeg", "image/gif", "image/webp"))
"""What models take as images."""

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
)
_CONTROLS = bytes({*range(32)} - {*b"\t\n\r\f\x1b"})
BINARY, TEXT = "application/octet-stream", "text/plain"


def media_type(head: bytes) -> str:
    """The media type of a file that begins with `head`: one of a few, TEXT or BINARY."""
    for signature, found in _SIGNATURES:
        if head.startswith(signature):
            return found
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head.translate(None, _CONTROLS) != head:
        return BINARY
    try:
        head.decode()
    except UnicodeDecodeError as error:
        # The last letter may be cut.
        return TEXT if error.start >= len(head) - 3 and len(head) >= HEAD_BYTES else BINARY
    return TEXT


def contradicts(claimed: str, found: str) -> bool:
    """True if a file is said to be an image, or a PDF, and is none of that kind, or another."""
    said = claimed.partition(";")[0].strip().lower()
    said = "image/jpeg" if said == "image/jpg" else said
    return said != found and (said.startswith("image/") or said == "application/pdf")
