"""The three standard streams, whatever whoever started the command has made of them.

One that is closed leads nowhere: its number would else be that of the next file to be opened. A
reader of stdout that leaves ends the command at once and without a word, as a signal ends other
programs then; any other trouble with stdout is an error. Stderr troubles nobody.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import NoReturn, TextIO

_ERRORS = "backslashreplace"
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
    sys.stdout = _Stdout(
        io.BufferedWriter(_raw(1)), _encoding(sys.stdout), _ERRORS, line_buffering=os.isatty(1)
    )
    # What cannot be written is not kept to be tried again.
    sys.stderr = _Stderr(_raw(2), _encoding(sys.stderr), _ERRORS, write_through=True)


class _Stdout(io.TextIOWrapper):
    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError as error:
            _lose(error)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            _lose(error)


def _lose(error: OSError) -> NoReturn:
    # What is still buffered goes there: it would be an error again at the very end.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    if isinstance(error, BrokenPipeError):
        raise SystemExit(READER_GONE) from None
    raise OSError(error.errno, f"standard output: {error.strerror}") from error


class _Stderr(io.TextIOWrapper):
    def write(self, text: str, /) -> int:
        with suppress(OSError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


def _raw(descriptor: int) -> io.FileIO:
    return io.FileIO(descriptor, "w", closefd=False)


def _encoding(before: TextIO | None) -> str:
    return getattr(before, "encoding", None) or "utf-8"
