"""What the comparisons say: figures, the report, and whether tmux can go."""

from __future__ import annotations

from anyio import to_thread

from agent_runner import wire
from agent_runner.errors import UnavailableError
from agent_runner.settings import CriteriaSettings, Settings
from conversation_store.interfaces import Store
from conversation_store.records import ComparisonRecord
from shadow.criteria import Readiness, judge
from shadow.metrics import Metrics, metrics
from shadow.report import Report
from shadow.thresholds import Thresholds
from shadow.window import MOST, Window, shortened, worst_of

DAY_S = 86_400


class Evidence:
    """Reads comparisons and has `shadow` judge them; the work is done in a thread."""

    def __init__(self, store: Store, settings: CriteriaSettings) -> None:
        self._store = store
        self._thresholds = Thresholds(**settings.model_dump())

    def window(self, *, agent_id: str | None = None, agent_type: str | None = None) -> Window:
        """The window that the criteria are judged over, up to now."""
        now = wire.later(wire.now(), 1)
        since = wire.later(now, -self._thresholds.window_days * DAY_S)
        return Window(since=since, until=now, agent_id=agent_id, agent_type=agent_type)

    async def metrics(self, window: Window) -> Metrics:
        """The figures of a window."""
        page = await self._page(window)
        return await to_thread.run_sync(_metrics, window, page)

    async def criteria(self, window: Window) -> Readiness:
        """Ready, or what is missing, by the comparisons of a window."""
        page = await self._page(window)
        return await to_thread.run_sync(self._judge, window, page)

    async def report(self, window: Window) -> Report:
        """The figures, the criteria by the same comparisons, and the worst mismatches whole."""
        page = await self._page(window)
        figures = await to_thread.run_sync(_metrics, window, page)
        criteria = await to_thread.run_sync(self._judge, window, page)
        worst = [
            shortened(await self._store.comparisons.get(one.comparison_id))
            for one in worst_of(page)
        ]
        return Report(metrics=figures, criteria=criteria, worst=worst)

    async def _page(self, window: Window) -> list[ComparisonRecord]:
        return await self._store.comparisons.page(
            since=window.since,
            until=window.until,
            agent_id=window.agent_id,
            agent_type=window.agent_type,
            limit=MOST,
        )

    def _judge(self, window: Window, page: list[ComparisonRecord]) -> Readiness:
        return judge(page, self._thresholds, since=window.since, until=window.until)


def _metrics(window: Window, page: list[ComparisonRecord]) -> Metrics:
    return metrics(page, since=window.since, until=window.until, cut=len(page) == MOST)


async def check_tmux_may_go(store: Store, settings: Settings) -> str | None:
    """Why the service may run with tmux turned off; None if it is not.

    UnavailableError `tmux_still_needed` if neither the criteria nor a reason allow it.
    """
    if settings.tmux.enabled:
        return None
    if settings.tmux.disabled_because is not None:
        return settings.tmux.disabled_because
    evidence = Evidence(store, settings.shadow.criteria)
    criteria = await evidence.criteria(evidence.window())
    if criteria.ready:
        return "the criteria are met"
    lacking = "; ".join(f"{c.name}: {c.missing}" for c in criteria.checks if not c.ok)
    raise UnavailableError(
        "tmux_still_needed",
        f"tmux.enabled is false, and headless has not shown that it can go without: {lacking}",
        hint="leave tmux enabled and run agents in commMode shadow, or set tmux.disabled_because",
    )
