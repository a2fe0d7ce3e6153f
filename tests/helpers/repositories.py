"""Repositories of a user's, for mirrors to leave as they are."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

ENV = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/nonexistent",
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_OPTIONAL_LOCKS": "0",
}


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *words], env=ENV, capture_output=True, text=True, check=True
    )
    return done.stdout


def make(folder: Path) -> Path:
    """A repository with a commit, something staged, changed, untracked and ignored."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "trunk")
    (folder / ".gitignore").write_text("primary-only\n")
    (folder / "kept.txt").write_text("one\n")
    (folder / "sub").mkdir()
    (folder / "sub" / "inner.txt").write_text("inner\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")
    git(folder, "branch", "other")
    (folder / "kept.txt").write_text("one\nuncommitted\n")
    (folder / "staged.txt").write_text("staged\n")
    git(folder, "add", "staged.txt")
    (folder / "untracked.txt").write_text("untracked\n")
    (folder / "primary-only").touch()
    return folder


def standing(folder: Path) -> dict[str, str]:
    """Everything of a repository that a mirror must not touch: also what lies in `.git`."""
    found = {"status": git(folder, "status", "--porcelain")}
    for path in sorted((folder / ".git").rglob("*")):
        if path.is_file():
            found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found
