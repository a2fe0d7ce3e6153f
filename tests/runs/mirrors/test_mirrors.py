"""A mirror leg does what its run does, elsewhere, and costs the run nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest

from agent_runner import wire
from agent_runner.api.context import Context
from conversation_store.records import AgentRecord, ComparisonDetail
from tests.conftest import Script, Serving
from tests.runs.mirrors.repositories import make, standing
from tests.runs.test_service import ended, start

pytestmark = pytest.mark.anyio

SELF = {"primary": "headless", "against": "self", "self_share": 0.0}
HERE_ONLY = "primary-only"
"""A file that only the primary's folder has: it is ignored, so no mirror gets it."""


async def shadowed(
    context: Context, cwd: Path, name: str = "worker", **options: Any
) -> AgentRecord:
    return await context.store.agents.add(
        name,
        agent_type="claude-code",
        comm_mode="shadow",
        options={"cwd": str(cwd), **options},
        now=wire.now(),
    )


async def compared(context: Context, count: int = 1) -> list[ComparisonDetail]:
    """The comparisons, oldest first, once `count` are over and the mirrors are gone."""
    with anyio.fail_after(30):
        while True:
            page = await context.store.comparisons.page(limit=100)
            over = [one for one in page if one.state != "running"]
            if len(over) >= count and not context.mirrors.running:
                break
            await anyio.sleep(0.01)
    return [await context.store.comparisons.get(one.comparison_id) for one in reversed(over)]


@contextmanager
def nothing_left(state: Path) -> Iterator[None]:
    """No folder of a mirror and no process of it is left."""
    yield
    assert list((state / "mirrors").iterdir()) == []
    for process in psutil.process_iter(["cwd"]):
        assert not (process.info["cwd"] or "").startswith(str(state))


async def test_both_write_the_same_file_and_the_users_tree_is_touched_once(
    serving: Serving, tmp_path: Path, state_dir: Path
) -> None:
    repository = make(tmp_path / "work")
    script: Script = [
        {"write": "kept.txt", "content": "written\n"},
        {"write": "new.txt", "content": "new\n"},
        {"unless": HERE_ONLY, "do": [{"write": "mirror.txt", "content": "of the mirror\n"}]},
        {"text": f"done in {repository}"},
    ]
    before = standing(repository)
    with nothing_left(state_dir):
        async with serving(shadow=SELF) as context:
            agent = await shadowed(context, repository)
            gate = tmp_path / "gate"
            outcome = await ended(await start(context, agent, [{"wait": str(gate)}] and script))
            assert outcome.state == "succeeded"
            (found,) = await compared(context)
    after = standing(repository)
    assert {k: v for k, v in after.items() if k != "status"} == {
        k: v for k, v in before.items() if k != "status"
    }
    assert (repository / "kept.txt").read_text() == "written\n"
    assert not (repository / "mirror.txt").exists()
    assert found.primary is not None
    assert found.mirror is not None
    assert found.primary.files is not None
    assert found.mirror.files is not None
