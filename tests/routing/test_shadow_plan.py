"""Which legs a run in shadow has."""

from __future__ import annotations

from pathlib import Path

import pytest

from fallback.plan import CommMode
from tests.conftest import Serving
from tests.mirrors.test_mirrors import shadowed

pytestmark = pytest.mark.anyio

TMUX = {"enabled": True}


@pytest.mark.parametrize(
    ("primary", "against", "legs"),
    [
        ("tmux", "other", ("tmux", "headless")),
        ("headless", "other", ("headless", "tmux")),
        ("headless", "self", ("headless", "headless")),
        ("tmux", "self", ("tmux", "tmux")),
    ],
)
async def test_legs(
    serving: Serving, tmp_path: Path, primary: str, against: str, legs: tuple[str, str]
) -> None:
    async with serving(tmux=TMUX, shadow={"primary": primary, "against": against}) as context:
        agent = await shadowed(context, tmp_path)
        plan = context.router.plan(agent, None)
        assert (plan.mode, plan.mirror) == legs


@pytest.mark.parametrize("against", ["other", "self"])
async def test_without_a_terminal(serving: Serving, tmp_path: Path, against: str) -> None:
    async with serving(shadow={"primary": "headless", "against": against}) as context:
        plan = context.router.plan(await shadowed(context, tmp_path), None)
        assert plan.mode is CommMode.HEADLESS
        assert plan.mirror == ("headless" if against == "self" else None)
