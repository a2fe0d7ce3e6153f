"""What a repository says is to be run is not run for its mirror, whatever it is called."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agent_runner.process.warden import Warden
from agent_runner.workspace.git import Git, GitError
from conversation_store.states import Isolation
from tests.conftest import Script, Serving
from tests.faults.hostile_repository import URLS, make_hostile
from tests.faults.trap import Trap
from tests.helpers.repositories import ENV, git
from tests.mirrors.test_mirrors import SELF, changed, compared, shadowed, taken
from tests.runs.test_service import ended, start

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed"),
]

PLACES = ("y#(pwned) [a]", "$(pwned) `pwned`", "--upload-pack=pwned", ":(glob)* '; pwned; '")


@pytest.mark.parametrize(("place", "url"), list(zip(PLACES, URLS, strict=True)))
async def test_a_mirror_runs_nothing_of_it(
    serving: Serving,
    tmp_path: Path,
    state_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    url: str,
) -> None:
    trap = Trap(tmp_path)
    repository = make_hostile(tmp_path / "work" / place, url)
    monkeypatch.setenv("PATH", trap.path)
    monkeypatch.setitem(ENV, "PATH", trap.path)
    gate = tmp_path / "gate"
    script: Script = [
        {"wait": str(gate)},
        {"write": "kept.txt", "content": "three\n"},
        {"write": "$(pwned);", "content": "x\n"},
        {"text": "done"},
    ]
    async with serving(shadow=SELF) as context:
        agent = await shadowed(context, repository)
        active = await start(context, agent, script)
        await taken(state_dir)
        (copy,) = (state_dir / "mirrors").glob("*/tree")
        git(copy, "status")
        gate.touch()
        assert (await ended(active)).state == "succeeded"
        (found,) = await compared(context)
    assert trap.sprung == []
    one = found.comparison
    assert (one.verdict, one.isolation) == ("match", Isolation.WORKTREE), one
    for body in (found.primary, found.mirror):
        assert changed(body) == {"kept.txt": "modified", "$(pwned);": "added"}


@pytest.mark.parametrize("url", URLS)
async def test_what_is_missing_is_not_fetched(tmp_path: Path, warden: Warden, url: str) -> None:
    trap = Trap(tmp_path)
    repository = make_hostile(tmp_path / "work", url)
    git = Git(warden, {**ENV, "PATH": trap.path}, 20)
    with pytest.raises(GitError):
        await git.run(repository, "cat-file", "-p", "HEAD:kept.txt")
    assert trap.sprung == []
