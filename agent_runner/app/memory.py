"""Keeps the service small: what it no longer uses goes back to the system."""

from __future__ import annotations

import contextlib
import ctypes

_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_THRESHOLD_BYTES = 256 << 10


def keep_small() -> None:
    """Have glibc hold on to little freed memory. Call it before any thread is started.

    Blocks of more than 256 KiB are given back at once: by itself glibc raises that bound to
    the largest block ever freed, and then keeps a 5 MB answer's many copies. All threads share
    one arena: by itself each has its own, and each keeps, full of holes, the most that it ever
    had in use at once. Elsewhere than on glibc this does nothing.
    """
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, _THRESHOLD_BYTES)
        libc.mallopt(_M_ARENA_MAX, 1)
