"""How things look on the wire: camelCase JSON, RFC 3339 UTC times, ids."""

from __future__ import annotations

import random
import time
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder()
_last_tick = 0

# Text that str.splitlines() and careless SSE clients take for a line end. JSON allows them raw.
_LINE_SEPARATORS = (
    (b"\xe2\x80\xa8", b"\\u2028"),
    (b"\xe2\x80\xa9", b"\\u2029"),
    (b"\xc2\x85", b"\\u0085"),
)


def encode(value: Any) -> bytes:
    """JSON bytes on one line, with no character in them that any client splits lines at."""
    data = _encoder.encode(value)
    if not data.isascii():
        for raw, escaped in _LINE_SEPARATORS:
            if raw in data:
                data = data.replace(raw, escaped)
    return data


def now() -> str:
    """The present time as RFC 3339 UTC with milliseconds."""
    second, millisecond = divmod(time.time_ns() // 1_000_000, 1000)
    return f"{_second(second)}.{millisecond:03}Z"


@lru_cache(maxsize=2)
def _second(since_epoch: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(since_epoch))


def later(moment: str, seconds: float) -> str:
    """`seconds` after `moment`, as `now` gives it."""
    return utc_text(datetime.fromisoformat(moment) + timedelta(seconds=seconds))


def utc_text(moment: datetime) -> str:
    """`moment`, which is UTC, as `now` gives it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_between(first: str, second: str) -> float:
    """How long after `first` is `second`, both as `now` gives them."""
    return (datetime.fromisoformat(second) - datetime.fromisoformat(first)).total_seconds()


def seconds_since(moment: str) -> float:
    """How long ago `moment` (as `now` gives it) was by the wall clock, which may be set back."""
    return seconds_between(moment, now())


def new_id(prefix: str) -> str:
    """A new identifier: `run_0199c2f0a1b20000d1e4c7a90b3f`.

    Those of one process sort in the order of their making, within a millisecond too and
    when the clock is set back; those of different processes by time.
    """
    global _last_tick
    _last_tick = max(time.time_ns() // 1_000_000 << 16, _last_tick + 1)
    return f"{prefix}_{_last_tick:016x}{random.getrandbits(48):012x}"
