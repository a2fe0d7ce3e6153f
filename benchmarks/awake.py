"""Processors that do not sleep when they have nothing to do.

Waking one takes tens of microseconds, and more where it is a virtual machine's and its host has
to be asked: time that goes by between two programs, or two threads, and is in neither.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Held open with a latency in microseconds in it (Linux, Documentation/power/pm_qos_interface).
_LATENCY = Path("/dev/cpu_dma_latency")


@contextmanager
def awake() -> Iterator[bool]:
    """Keep them awake; False where that is not allowed, or unknown."""
    try:
        request = _LATENCY.open("wb", buffering=0)
    except OSError:
        yield False
        return
    with request:
        request.write(struct.pack("i", 0))
        yield True
