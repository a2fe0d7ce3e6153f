"""Shadow with its usual pair: the primary in tmux, the mirror headless."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import Script, Serving
from tests.helpers.repositories import make, standing
from tests.mirrors.test_mirrors import (
    changed,
    compared,
    mirror_only,
    nothing_left,
    shadowed,
    taken,
)
from tests.runs.test_service import ended, start

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]


async def test_both_legs_write_the_same_file(
    serving: Serving, tmp_path: Path, state_dir: Path
) -> None:
    repository = make(tmp_path / "work")
    gate = tmp_path / "gate"
    script: Script = [
        {"wait": str(gate)},
        {"write": "kept.txt", "content": "written\n"},
        {"text": "done"},
    ]
    before = standing(repository)
    with nothing_left(state_dir):
        async with serving(tmux={}, shadow={"self_share": 0.0}) as context:
            agent = await shadowed(context, repository)
            active = await start(context, agent, script)
            await taken(state_dir)
            gate.touch()
            outcome = await ended(active)
            assert (outcome.state, outcome.form) == ("succeeded", "terminal")
            (found,) = await compared(context)
    assert (repository / "kept.txt").read_text() == "written\n"
    (repository / "kept.txt").write_text("one\nuncommitted\n")
    assert standing(repository) == before, "touched once, by the primary"
    one = found.comparison
    assert (one.kind, one.primary_mode, one.mirror_mode) == ("shadow", "tmux", "headless")
    assert one.verdict == "match", one.reasons
    for body in (found.primary, found.mirror):
        assert changed(body) == {"kept.txt": "modified"}
        assert body is not None
        assert "-uncommitted\n+written" in (body.diff or "")


async def test_a_mirror_that_hangs_costs_the_primary_nothing(
    serving: Serving, tmp_path: Path, state_dir: Path
) -> None:
    repository = make(tmp_path / "work")
    with nothing_left(state_dir):
        async with serving(tmux={}, shadow={"self_share": 0.0}) as context:
            agent = await shadowed(context, repository)
            script: Script = [mirror_only({"hang": True}), {"text": "answer"}]
            outcome = await ended(await start(context, agent, script, timeout_ms=4000))
            assert (outcome.state, outcome.answer) == ("succeeded", "answer")
            assert outcome.duration_ms < 4000
            (found,) = await compared(context)
    assert found.comparison.verdict == "mirror_failed"
