"""How many descriptors this process may have, and for how many connections they are enough."""

from __future__ import annotations

import resource
import sys

KEPT_BACK = 256
"""Descriptors for all but connections: the database, logs, a few for each CLI."""


SCARCE = 16
"""When so few are left, connections that wait are closed for new ones."""


def raise_limit() -> int:
    """Raise the soft limit to the hard one. Returns what it was, which is what children get."""
    before, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before != hard:
        # What the system says is unlimited it may refuse to set: macOS does.
        wanted = hard if hard != resource.RLIM_INFINITY else max(before, 1 << 16)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            return before
    return before


def room_for_connections() -> int:
    """How many connections can be open at once so that everything else has descriptors too."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else max(soft // 4, soft - KEPT_BACK)


def are_scarce(newest: int) -> bool:
    """True if few are left after `newest`; the system gives the lowest that is free."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft != resource.RLIM_INFINITY and newest + SCARCE >= soft
