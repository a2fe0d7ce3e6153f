"""What a mirror works on is a copy: nothing that git does there reaches the user's repository."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agent_runner.folders import remove
from agent_runner.mirrors.files import leads_out
from agent_runner.mirrors.workspace import Workspace
from agent_runner.process.warden import Warden
from agent_runner.settings import ShadowSettings
from agent_runner.workspace.git import Git
from tests.helpers import stranger
from tests.helpers.repositories import ENV, git

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


def submodule(app: Path, library: Path, name: str = "lib") -> Path:
    git(app, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(library), name)
    git(app, "commit", "-q", "-m", "with a library")
    return app / name


Changes = dict[str, str]


async def both(workspace: Workspace) -> tuple[Changes, Changes]:
    """What was changed in the primary's tree and in the mirror's."""
    found = []
    for mirror in (False, True):
        files, diff = await workspace.changes(mirror=mirror)
        assert files is not None
        assert diff is not None
        for file in files:
            assert f" b/{file.path}\n" in diff
        found.append({file.path: file.change for file in files})
    return found[0], found[1]


@pytest.mark.parametrize("kind", ["submodule", "clone", "unborn", "linked", "deep", "in a folder"])
async def test_a_repository_within_is_mirrored_and_compared(
    tmp_path: Path, warden: Warden, kind: str
) -> None:
    library = repository(tmp_path / "library")
    app = repository(tmp_path / "app")
    inner = app / "lib"
    if kind in ("submodule", "in a folder"):
        submodule(app, library)
    elif kind == "clone":
        git(app, "clone", "-q", str(library), "lib")
    elif kind == "unborn":
        unborn(inner)
        (inner / "f").write_text("1\n")
    elif kind == "linked":
        git(library, "worktree", "add", "-q", "-b", "feature", str(inner))
    else:
        submodule(library, repository(tmp_path / "deepest"), "deep")
        submodule(app, library)
        git(app, "-c", "protocol.file.allow=always", "submodule", "update", "--init", "--recursive")
        inner = inner / "deep"
    (inner / "new").write_text("uncommitted\n")
    top = tmp_path / "folder" if kind == "in a folder" else app
    if kind == "in a folder":
        top.mkdir()
        app.rename(top / "app")
        inner = top / "app" / "lib"
    name = str(inner.relative_to(top))
    head = git(inner, "rev-parse", "HEAD") if kind != "unborn" else ""
    workspace = await taken(warden, tmp_path / "mirror", top)
    copied = workspace.cwd / name
    assert (copied / "f").read_text() == "1\n"
    assert (copied / "new").read_text() == "uncommitted\n"
    assert workspace.left_out == []
    assert await both(workspace) == ({}, {})
    if head:
        assert git(copied, "rev-parse", "HEAD") == head
        assert git(copied, "remote") == ""
        assert "new" in git(copied, "status", "--porcelain")
    (copied / "f").write_text("mirror\n")
    (inner / "f").write_text("primary\n")
    (copied / "made").write_text("m")
    primary, mirror = await both(workspace)
    assert primary == {f"{name}/f": "modified"}
    assert mirror == {f"{name}/f": "modified", f"{name}/made": "added"}
    commit(copied)
    remove(copied)
    assert set((await both(workspace))[1].values()) == {"deleted"}
    if head:
        assert git(inner, "rev-parse", "HEAD") == head


async def test_a_submodule_that_is_not_checked_out_is_no_deletion(
    tmp_path: Path, warden: Warden
) -> None:
    app = repository(tmp_path / "app")
    submodule(app, repository(tmp_path / "library"))
    git(app, "submodule", "deinit", "-q", "-f", "lib")
    workspace = await taken(warden, tmp_path / "mirror", app)
    assert (workspace.cwd / "lib").is_dir()
    assert await both(workspace) == ({}, {})


@pytest.mark.parametrize("versioned", [True, False], ids=["repository", "folder"])
async def test_special_entries_are_mirrored_as_they_are_or_left_out(
    tmp_path: Path, warden: Warden, versioned: bool
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").write_text("outside\n")
    if versioned:
        app = repository(tmp_path / "app")
    else:
        app = tmp_path / "app"
        app.mkdir()
        (app / "f").write_text("1\n")
    (app / "out").symlink_to("../outside/x")
    (app / "folder-out").symlink_to(outside)
    (app / "dangling").symlink_to("nowhere")
    (app / "inside").symlink_to("f")
    (app / "absolute").symlink_to(app / "f")
    (app / "one").write_text("linked\n")
    os.link(app / "one", app / "two")
    os.mkfifo(app / "pipe")
    odd = [b"line\nend", b"not-utf8-\xff", b"not-utf8-\xfe", 'quote"\u2028x'.encode(), b" -blank "]
    for name in odd:
        (app / os.fsdecode(name)).write_text("odd\n")
    (app / "Case").write_text("upper\n")
    (app / "case").write_text("lower\n")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(app / "socket"))
    workspace = await taken(warden, tmp_path / "mirror", app)
    cwd = workspace.cwd
    assert await both(workspace) == ({}, {})
    assert (cwd / "out").read_text() == (cwd / "folder-out" / "x").read_text() == "outside\n"
    assert os.readlink(cwd / "dangling") == "nowhere"
    assert os.readlink(cwd / "inside") == "f"
    assert os.readlink(cwd / "absolute") == str(cwd / "f")
    assert (cwd / "one").samefile(cwd / "two")
    assert not (cwd / "one").samefile(app / "one")
    for name in odd:
        assert (cwd / os.fsdecode(name)).read_text() == "odd\n"
    assert ((cwd / "Case").read_text(), (cwd / "case").read_text()) == ("upper\n", "lower\n")
    assert not os.path.lexists(cwd / "pipe")
    assert sorted(workspace.left_out) == ["pipe (a pipe)", "socket (a socket)"]
    for top in (cwd, app):
        (top / "one").write_text("changed\n")
        os.rename(top / "case", top / "CASE")
        os.unlink(top / "dangling")
        for name in odd[1:3]:
            (top / os.fsdecode(name)).write_text("changed\n")
    primary, mirror = await both(workspace)
    assert primary == mirror
    assert len(primary) == 7


async def test_a_sparse_checkout_stays_one(tmp_path: Path, warden: Warden) -> None:
    app = repository(tmp_path / "app")
    for name in ("kept", "away"):
        (app / name).mkdir()
        (app / name / "x").write_text("x\n")
    git(app, "add", "-A")
    git(app, "commit", "-q", "-m", "two folders")
    git(app, "sparse-checkout", "set", "--cone", "--sparse-index", "kept")
    assert not (app / "away").exists()
    workspace = await taken(warden, tmp_path / "mirror", app)
    assert workspace.isolation == "worktree"
    assert not (workspace.cwd / "away").exists()
    assert await both(workspace) == ({}, {})
    assert git(workspace.cwd, "status", "--porcelain") == ""
    (workspace.cwd / "kept" / "x").write_text("changed\n")
    assert (await both(workspace))[1] == {"kept/x": "modified"}


async def test_no_filter_of_the_users_comes_between(
    tmp_path: Path, warden: Warden, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As LFS has it: the repository holds a pointer, the folder the content."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        '[filter "lfs"]\n\tclean = false\n\tsmudge = false\n\tprocess = false\n\trequired = true\n'
        "[core]\n\tautocrlf = true\n"
    )
    app = repository(tmp_path / "app")
    (app / "large.bin").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    (app / "lines").write_bytes(b"a\r\nb\r\n")
    git(app, "add", "-A")
    (app / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n* text=auto\n")
    git(app, "add", ".gitattributes")
    git(app, "commit", "-q", "-m", "large")
    (app / "large.bin").write_bytes(b"\0" * 1000)
    monkeypatch.setenv("HOME", str(home))
    workspace = await taken(warden, tmp_path / "mirror", app)
    assert workspace.isolation == "worktree"
    assert (workspace.cwd / "large.bin").read_bytes() == b"\0" * 1000
    assert await both(workspace) == ({}, {})
    for top in (app, workspace.cwd):
        (top / "large.bin").write_bytes(b"\1" * 1000)
    primary, mirror = await both(workspace)
    assert primary == mirror == {"large.bin": "modified"}


UNREADABLE = """
import os, sys
import anyio
from pathlib import Path
from tempfile import TemporaryDirectory
from agent_runner.process.warden import Warden
from agent_runner.workspace.git import Git
from agent_runner.mirrors.workspace import Workspace
from agent_runner.settings import ShadowSettings

async def main():
    warden = Warden()
    workspace = Workspace(Git(warden, os.environ, 20), Path(sys.argv[1]), Path(sys.argv[2]),
                          ShadowSettings())
    await workspace.take()
    print(sorted(workspace.left_out), await workspace.changes(mirror=False),
          await workspace.changes(mirror=True), (workspace.cwd / "f").read_text().strip())
    warden.close()

anyio.run(main)
"""


@pytest.mark.parametrize("versioned", [True, False], ids=["repository", "folder"])
def test_what_cannot_be_read_is_left_out(versioned: bool) -> None:
    with TemporaryDirectory(prefix="agent-runner-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        app = repository(folder / "app")
        (app / "closed").write_text("secret\n")
        (app / "closed").chmod(0)
        if not versioned:
            remove(app / ".git")
        for path in (app, *app.rglob("*")):
            os.chown(path, stranger.UID if path != app / "closed" else 0, stranger.UID)
        env = {"HOME": name, "PATH": os.environ["PATH"]}
        words = ["-c", UNREADABLE, str(folder / "mirror"), str(app)]
        code, out, err = stranger.run(words, env, folder)
        assert (code, out) == (0, "['closed (it cannot be read)'] ([], '') ([], '') 1\n"), err
