"""What has changed since a run began, told by git without touching the user's repository."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agent_runner.process.warden import Warden
from agent_runner.workspace.git import Git
from agent_runner.workspace.snapshots import MOST_DIFF, Snapshots
from tests.helpers.repositories import make, standing

pytestmark = pytest.mark.anyio


@pytest.fixture
def snapshots(warden: Warden, tmp_path: Path) -> Snapshots:
    return Snapshots(Git(warden, os.environ, 20), tmp_path / "snapshots")


async def test_what_changed_and_nothing_that_was_so_before(
    snapshots: Snapshots, tmp_path: Path
) -> None:
    cwd = make(tmp_path / "app")
    before = standing(cwd)
    base = await snapshots.take(cwd)
    assert base is not None
    nothing = await snapshots.changes(cwd, base)
    assert nothing is not None
    assert (nothing.files, nothing.diff) == ([], "")
    assert standing(cwd) == before
    (cwd / "kept.txt").write_text("one\nuncommitted\nmore\n")
    (cwd / "sub" / "inner.txt").unlink()
    (cwd / "naïve 针.txt").write_text("x\n")
    (cwd / "binary").write_bytes(b"\0\1\2")
    (cwd / "primary-only").write_text("ignored")
    changes = await snapshots.changes(cwd, base)
    assert changes is not None
    assert [
        (one.path, one.change, one.added_lines, one.removed_lines) for one in changes.files
    ] == [
        ("binary", "added", None, None),
        ("kept.txt", "modified", 1, 0),
        ("naïve 针.txt", "added", 1, 0),
        ("sub/inner.txt", "deleted", 0, 1),
    ]
    assert "+more\n" in changes.diff
    assert not changes.cut


async def test_a_folder_of_a_repository_has_its_own_alone(
    snapshots: Snapshots, tmp_path: Path
) -> None:
    app = make(tmp_path / "app")
    base = await snapshots.take(app / "sub")
    assert base is not None
    (app / "kept.txt").write_text("elsewhere")
    (app / "sub" / "new").write_text("here\n")
    changes = await snapshots.changes(app / "sub", base)
    assert changes is not None
    assert [one.path for one in changes.files] == ["new"]


async def test_a_diff_without_end_is_cut(snapshots: Snapshots, tmp_path: Path) -> None:
    cwd = make(tmp_path / "app")
    base = await snapshots.take(cwd)
    assert base is not None
    (cwd / "long").write_text("line\n" * (MOST_DIFF // 2))
    changes = await snapshots.changes(cwd, base)
    assert changes is not None
    assert changes.cut
    assert len(changes.diff) <= MOST_DIFF
    assert [one.path for one in changes.files] == ["long"]


def nothing(cwd: Path) -> None:
    cwd.mkdir()


def broken(cwd: Path) -> None:
    cwd.mkdir()
    (cwd / ".git").write_text("gitdir: /nowhere\n")


@pytest.mark.parametrize("prepare", [nothing, broken])
async def test_where_there_is_no_repository_nothing_is_known(
    snapshots: Snapshots, tmp_path: Path, prepare: Callable[[Path], None]
) -> None:
    cwd = tmp_path / "plain"
    prepare(cwd)
    assert await snapshots.take(cwd) is None
    assert await snapshots.changes(cwd, "0" * 40) is None


async def test_a_tree_that_is_gone_is_not_known(snapshots: Snapshots, tmp_path: Path) -> None:
    cwd = make(tmp_path / "app")
    assert await snapshots.changes(cwd, "0" * 40) is None
