"""Where attachments lie: each content once, and in a folder for each conversation that uses it.

    FOLDER/content/SHA256
    FOLDER/conversations/CONVERSATION/NUMBER-NAME

The second is what a CLI is told; it is a link to the first, or a copy where there are none.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agent_runner.attachments.media_type import HEAD_BYTES
from agent_runner.folders import remove

_UNSAFE = re.compile(r"[^\w.()+ -]")
LONGEST_NAME = 100


class Incoming:
    """A file on its way: its size, hash and beginning so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.head = b""
        self._hash = hashlib.sha256()
        self._file = path.open("wb")

    def write(self, piece: bytes) -> None:
        """Add a piece."""
        self.size += len(piece)
        self._hash.update(piece)
        if len(self.head) < HEAD_BYTES:
            self.head = (self.head + piece)[:HEAD_BYTES]
        self._file.write(piece)

    def close(self) -> None:
        """It is whole, or given up."""
        self._file.close()

    @property
    def sha256(self) -> str:
        """The hash of what came so far."""
        return self._hash.hexdigest()


class AttachmentFiles:
    """The folder of all attachments. Its methods read and write the disk."""

    def __init__(self, folder: Path) -> None:
        self._content = folder / "content"
        self._conversations = folder / "conversations"

    def prepare(self) -> None:
        """Make the folder, and remove what an earlier service had not finished."""
        for folder in (self._content, self._conversations):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._content.glob(".new-*"):
            left.unlink(missing_ok=True)

    @contextmanager
    def incoming(self) -> Iterator[Incoming]:
        """A new file, which is gone behind the block unless it was kept."""
        number, name = tempfile.mkstemp(prefix=".new-", dir=self._content)
        os.close(number)
        file = Incoming(Path(name))
        try:
            yield file
        finally:
            file.close()
            file.path.unlink(missing_ok=True)

    def keep(self, file: Incoming) -> None:
        """Let it be found by its hash. On the disk when this returns."""
        file.close()
        with file.path.open("rb") as written:
            os.fsync(written.fileno())
        file.path.replace(self.content(file.sha256))

    def content(self, sha256: str) -> Path:
        """Where the content with this hash is."""
        return self._content / sha256

    def hashes(self) -> list[str]:
        """The hashes of all that is kept."""
        return [path.name for path in self._content.iterdir() if not path.name.startswith(".")]

    def forget(self, sha256: str) -> None:
        """Remove a content; links to it stay."""
        self.content(sha256).unlink(missing_ok=True)

    def folder_of(self, conversation_id: str) -> Path:
        """What a conversation's CLI may read of attachments."""
        return self._conversations / conversation_id

    def place(self, conversation_id: str, number: str, name: str, sha256: str) -> Path:
        """The file under its name in the conversation's folder; FileNotFoundError if it is gone."""
        path = self.folder_of(conversation_id) / f"{number}-{safe_name(name)}"
        if path.exists():
            return path
        path.parent.mkdir(mode=0o700, exist_ok=True)
        content = self.content(sha256)
        try:
            os.link(content, path)
        except FileExistsError:
            return path
        except FileNotFoundError:
            raise
        except OSError:  # no links on this file system
            new = path.with_name(f".new-{path.name}")
            shutil.copyfile(content, new)
            new.replace(path)
        return path

    def forget_conversation(self, conversation_id: str) -> None:
        """Remove the conversation's folder."""
        with suppress(OSError):
            remove(self.folder_of(conversation_id))


def safe_name(name: str) -> str:
    """A file name without anything that a path, a shell or a prompt could take amiss."""
    plain = _UNSAFE.sub("_", name.replace("\\", "/").rpartition("/")[2]).strip(" .") or "file"
    stem, dot, ending = plain.rpartition(".")
    if not stem or len(ending) > 10:
        return plain[:LONGEST_NAME]
    return f"{stem[: LONGEST_NAME - len(ending) - 1]}{dot}{ending}"
