"""What a mirror works on is a copy: nothing that git does there reaches the user's repository."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from agent_runner.folders import remove
from agent_runner.process.warden import Warden
from agent_runner.runs.mirrors.files import leads_out
from agent_runner.runs.mirrors.git import Git
from agent_runner.runs.mirrors.workspace import Workspace
from agent_runner.settings import ShadowSettings
from tests.runs.mirrors.repositories import ENV, git

pytestmark = pytest.mark.anyio


def repository(folder: Path) -> Path:
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "trunk")
    (folder / "f").write_text("1\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def unborn(folder: Path) -> None:
    """A repository without a commit, which `git add` of the one around it refuses."""
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "x").write_text("x")


async def taken(warden: Warden, folder: Path, origin: Path) -> Workspace:
    workspace = Workspace(Git(warden, os.environ, 20), folder, origin, ShadowSettings())
    await workspace.take()
    return workspace


def commit(where: Path) -> None:
    words = ["git", "-C", str(where), "commit", "-q", "-a", "-m", "by the mirror"]
    subprocess.run(words, env=ENV, capture_output=True, check=False)


@pytest.mark.parametrize("inside", [True, False], ids=["of a folder", "itself"])
async def test_a_linked_work_tree_is_not_committed_to(
    tmp_path: Path, warden: Warden, inside: bool
) -> None:
    projects = tmp_path / "projects"
    app, linked = repository(projects / "app"), projects / "app-feature"
    git(app, "worktree", "add", "-q", "-b", "feature", str(linked))
    unborn(linked / "new")
    before = git(linked, "rev-parse", "feature")
    workspace = await taken(warden, tmp_path / "mirror", projects if inside else linked)
    place = workspace.cwd / "app-feature" if inside else workspace.cwd
    (place / "f").write_text("mirror\n")
    commit(place)
    assert git(linked, "rev-parse", "feature") == before
    assert "f" not in git(linked, "status", "--porcelain")


async def test_a_copied_repository_has_no_remote(tmp_path: Path, warden: Warden) -> None:
    app = repository(tmp_path / "app")
    git(app, "remote", "add", "origin", str(tmp_path / "elsewhere.git"))
    unborn(app / "new")
    workspace = await taken(warden, tmp_path / "mirror", app)
    assert git(workspace.cwd, "remote") == ""
    assert git(workspace.cwd, "log", "--format=%s").strip() == "first"


@pytest.mark.parametrize(
    ("path", "out"),
    [
        (".git", True),
        ("sub/.git", True),
        (".git/config", True),
        ("a/.git/worktrees/x/gitdir", True),
        (".git/modules/sub/config", True),
        (".git/hooks/pre-commit", True),
        (".git/HEAD", False),
        (".git/refs/heads/config", False),
        (".git/objects/ab/cd", False),
        ("config", False),
        (".gitignore", False),
    ],
)
def test_what_leads_git_out_of_a_copy(path: str, out: bool) -> None:
    assert leads_out(path) is out


def test_a_folder_is_removed_however_deep_it_is(tmp_path: Path) -> None:
    top = tmp_path / "deep"
    top.mkdir()
    here = os.open(top, os.O_RDONLY)
    for _ in range(3000):  # deeper than a path may be long, and than a function may call itself
        os.mkdir("a", dir_fd=here)
        inner = os.open("a", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.mkdir("closed", 0o500, dir_fd=here)
    os.close(here)
    (top / "link").symlink_to(tmp_path)
    remove(top)
    assert not top.exists()
    assert tmp_path.exists()
