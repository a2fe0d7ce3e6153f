"""The built page: the files of a folder, with their packed forms, held in memory."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

FOLDER = Path(__file__).parent.parent / "page"
"""Where set-up and the wheel put it: index.html, icon.svg and assets/."""

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""The files that are served, by how their name ends; no other is."""

ENCODINGS = {"br": ".br", "gzip": ".gz"}
"""Packed forms beside a file, the smallest first, and how their names end."""

INDEX = "index.html"


class PageFile(msgspec.Struct, frozen=True):
    """A file: `bodies` are its bytes by encoding, `identity` always among them."""

    media_type: str
    tag: str
    bodies: dict[str, bytes]


class PageBundle:
    """A page as it was built, read whole: what its index names is there as long as it is."""

    def __init__(self, folder: Path) -> None:
        """Read it. OSError if it is not there, or another is put in its place meanwhile."""
        self.built = built(folder)
        self.files = {
            str(path.relative_to(folder)): _read(path)
            for path in sorted(folder.rglob("*"))
            if path.suffix in MEDIA_TYPES and path.is_file()
        }
        self.index = self.files[INDEX]
        if built(folder) != self.built:
            raise OSError("the page was built anew while it was read")


def built(folder: Path) -> tuple[int, int]:
    """Another one for each page that is put at `folder`. OSError if there is none."""
    index = (folder / INDEX).stat()
    return index.st_ino, index.st_mtime_ns


def _read(path: Path) -> PageFile:
    body = path.read_bytes()
    bodies = {"identity": body}
    for encoding, ending in ENCODINGS.items():
        packed = path.with_name(path.name + ending)
        if packed.is_file():
            bodies[encoding] = packed.read_bytes()
    return PageFile(MEDIA_TYPES[path.suffix], hashlib.sha256(body).hexdigest()[:32], bodies)
