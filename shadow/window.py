"""Which comparisons are looked at, and which of them a report shows whole. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from conversation_store.records import ComparisonDetail, ComparisonRecord
from conversation_store.states import Verdict

MOST = 20_000
"""Comparisons of a window that are looked at; of more, the newest."""

MOST_WORST = 20
"""Mismatches that a report shows whole."""

WORST_TEXT = 64 * 1024
"""Characters of each output and diff in a report; `comparisons/{id}` has all that is kept."""

_BAD = (Verdict.MISMATCH, Verdict.MIRROR_FAILED, Verdict.PRIMARY_FAILED, Verdict.BOTH_FAILED)


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Comparisons begun in [since, until) (RFC 3339 UTC), of an agent or a type."""

    since: str
    until: str
    agent_id: str | None = None
    agent_type: str | None = None


def worst_of(
    comparisons: Sequence[ComparisonRecord], most: int = MOST_WORST
) -> list[ComparisonRecord]:
    """Those to show: the mismatches that are least alike, then the failures, newest first."""
    bad = [one for one in comparisons if one.verdict in _BAD]
    bad.sort(key=lambda one: (_BAD.index(one.verdict or _BAD[-1]), one.similarity or 0))
    return bad[:most]


def shortened(detail: ComparisonDetail) -> ComparisonDetail:
    """`detail` with at most WORST_TEXT of each text."""
    legs = [
        leg
        and msgspec.structs.replace(
            leg, output=leg.output[:WORST_TEXT], diff=leg.diff and leg.diff[:WORST_TEXT]
        )
        for leg in (detail.primary, detail.mirror)
    ]
    return msgspec.structs.replace(detail, primary=legs[0], mirror=legs[1])
