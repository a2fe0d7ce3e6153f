"""What a turn has cost, from what an agent says that its session has cost so far."""

from __future__ import annotations

from agent_runner.agents.acp.schema import UsageUpdate

_UNIT = 1e-10


class SessionCost:
    """In US dollars. A session that is not `new` may have cost before: the first turn is unknown.

    An agent that knows no price tells of 0: that is unknown, too.
    """

    def __init__(self, *, new: bool) -> None:
        self._before: float | None = 0.0 if new else None
        self._now: float | None = None

    def told(self, update: UsageUpdate) -> None:
        """The agent says what the session has cost by now."""
        cost = update.cost
        if not isinstance(cost, dict) or cost.get("currency") != "USD":
            return
        amount = cost.get("amount")
        if isinstance(amount, int | float) and not isinstance(amount, bool) and amount > 0:
            self._now = float(amount)

    def of_turn(self) -> float | None:
        """What the turn that ends has cost; None if that is not known."""
        before, now = self._before, self._now
        if now is None:
            return None
        self._before = now
        return None if before is None or now < before else round((now - before) / _UNIT) * _UNIT
