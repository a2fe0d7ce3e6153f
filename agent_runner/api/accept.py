"""Which of the forms that can be answered a request wants (RFC 9110, 12.5)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from starlette.requests import Request

_WEIGHT = re.compile(r";\s*q=(\d(?:\.\d*)?)", re.IGNORECASE)


def named(request: Request, *offered: str) -> str | None:
    """Of `offered` the one with the highest weight in Accept, the first of several; None if none.

    Only a type that is named counts: `*/*` leaves the choice to whoever answers.
    """
    given = weights(request.headers.getlist("accept"))
    best = max(offered, key=lambda media_type: given.get(media_type, 0.0))
    return best if given.get(best) else None


def weights(headers: Sequence[str]) -> dict[str, float]:
    """What each thing that the headers name is worth: from 0, not wanted, to 1."""
    found: dict[str, float] = {}
    for part in ",".join(headers).lower().split(","):
        weight = _WEIGHT.search(part)
        found[part.partition(";")[0].strip()] = float(weight[1]) if weight else 1.0
    return found
