"""Which of the media types that can be answered a request wants (RFC 9110, 12.5.1)."""

from __future__ import annotations

import re

from starlette.requests import Request

_WEIGHT = re.compile(r";\s*q=(\d(?:\.\d*)?)", re.IGNORECASE)


def named(request: Request, *offered: str) -> str | None:
    """Of `offered` the one with the highest weight in Accept, the first of several; None if none.

    Only a type that is named counts: `*/*` leaves the choice to whoever answers.
    """
    weights: dict[str, float] = {}
    for part in ",".join(request.headers.getlist("accept")).lower().split(","):
        media_type = part.partition(";")[0].strip()
        weight = _WEIGHT.search(part)
        weights[media_type] = float(weight[1]) if weight else 1.0
    best = max(offered, key=lambda media_type: weights.get(media_type, 0.0))
    return best if weights.get(best) else None
