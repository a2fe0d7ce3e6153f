"""Keeps the service small after large answers."""

from __future__ import annotations

import contextlib
import ctypes

_M_MMAP_THRESHOLD = -3
_THRESHOLD_BYTES = 256 << 10


def return_large_buffers() -> None:
    """Have glibc give freed blocks of more than 256 KiB back to the system at once.

    By itself it raises that bound to the largest block ever freed, and then keeps a
    5 MB answer's many copies. Elsewhere than on glibc this does nothing.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _THRESHOLD_BYTES)
