"""What shadow judges by where nothing else is set: settings take their defaults from here."""

from __future__ import annotations

import msgspec

SIMILAR_AT = 0.8
"""Of 1. Below it two answers of one model to one prompt seldom say the same."""


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """What headless has to reach. Shares are from 0 to 1."""

    window_days: int = 30
    least_success: float = 0.995
    least_match: float = 0.95
    least_gain: float = 0.0
    most_corrupt: float = 0.001
    least_comparisons: int = 500
    least_days: int = 20
