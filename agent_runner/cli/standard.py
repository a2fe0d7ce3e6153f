"""The three standard streams, whatever whoever started the command has made of them.

One that is closed leads nowhere: its number would else be that of the next file to be opened. A
reader of stdout that leaves ends the command at once and without a word, as a signal ends other
programs then; any other trouble with stdout is an error. Stderr troubles nobody.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

from typing_extensions import Buffer

READER_GONE = 141
"""The exit code: 128 and the number of SIGPIPE."""


def open_all() -> None:
    """Put usable streams in the place of `sys.stdin`, `sys.stdout` and `sys.stderr`."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
            os.set_inheritable(descriptor, True)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 (until the end)
    sys.stdout = _text(_Output(1), sys.stdout)
    sys.stderr = _text(_Quiet(2), sys.stderr)


class _Output(io.RawIOBase):
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer, /) -> int:
        try:
            return os.write(self._descriptor, data)
        except OSError as error:
            # What is still buffered goes there: it would be an error again at the very end.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._descriptor)
            os.close(nowhere)
            if isinstance(error, BrokenPipeError):
                raise SystemExit(READER_GONE) from None
            raise OSError(error.errno, f"standard output: {error.strerror}") from error


class _Quiet(_Output):
    def write(self, data: Buffer, /) -> int:
        try:
            return os.write(self._descriptor, data)
        except OSError:
            return memoryview(data).nbytes


def _text(raw: _Output, before: TextIO | None) -> TextIO:
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=getattr(before, "encoding", None) or "utf-8",
        errors="backslashreplace",
        line_buffering=raw.fileno() == 2 or raw.isatty(),
    )
