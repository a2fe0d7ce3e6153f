"""A repository whose every setting that names a program names `pwned`."""

from __future__ import annotations

from pathlib import Path

from tests.faults.trap import PAYLOADS, PWNED
from tests.helpers.repositories import git

HOOKS = (
    *("applypatch-msg", "fsmonitor-watchman", "post-checkout", "post-commit", "post-index-change"),
    *("post-merge", "post-rewrite", "pre-auto-gc", "pre-commit", "pre-push", "pre-rebase"),
    *("reference-transaction", "sendemail-validate", "update"),
)

CONFIG = """
[core]
    repositoryformatversion = 1
    fsmonitor = pwned
    hooksPath = .githooks
    sshCommand = pwned
    editor = pwned
    pager = pwned
    askPass = pwned
    gitProxy = pwned
    alternateRefsCommand = pwned
    attributesFile = .attributes
    untrackedCache = true
[extensions]
    partialClone = origin
[remote "origin"]
    url = {url}
    promisor = true
    uploadpack = pwned
    receivepack = pwned
    vcs = pwned
    fetch = +refs/heads/*:refs/remotes/origin/*
[protocol]
    allow = always
[protocol "ext"]
    allow = always
[credential]
    helper = !pwned
[filter "evil"]
    clean = pwned
    smudge = pwned
    process = pwned
    required = true
[diff]
    external = pwned
[diff "evil"]
    command = pwned
    textconv = pwned
[merge "evil"]
    driver = pwned
[alias]
    rev-parse = !pwned
    add = !pwned
    status = !pwned
[pager]
    diff-tree = pwned
    ls-files = pwned
    for-each-ref = pwned
[gpg]
    program = pwned
[log]
    showSignature = true
[interactive]
    diffFilter = pwned
[sequence]
    editor = pwned
[init]
    templateDir = .githooks
[submodule]
    recurse = true
    fetchJobs = 1
[status]
    submoduleSummary = true
[submodule "sub"]
    url = {url}
    update = !pwned
    active = true
[hook "evil"]
    command = pwned
    event = post-index-change
[include]
    path = more
"""

URLS = ("ext::sh -c pwned", "ssh://-oProxyCommand=pwned/x", "pwned::x", "file:///$(pwned)")


def make_hostile(folder: Path, url: str) -> Path:
    """Its files are called by the payloads, too; one object is missing, so that it is fetched."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "x;pwned;$(pwned)&&`pwned`|pwned")
    for payload in PAYLOADS:
        (folder / f"{payload}.txt").write_text("x\n")
    (folder / "-x").mkdir()
    (folder / "-x" / PWNED).write_text("x\n")
    (folder / "kept.txt").write_text("one\n")
    (folder / ".gitattributes").write_text("* filter=evil diff=evil merge=evil\n")
    (folder / ".attributes").write_text("* filter=evil diff=evil merge=evil\n")
    (folder / ".gitmodules").write_text(
        f'[submodule "sub"]\n    path = sub\n    url = {url}\n    update = !pwned\n'
    )
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")
    lost = git(folder, "rev-parse", "HEAD:kept.txt").strip()
    (folder / ".git" / "objects" / lost[:2] / lost[2:]).unlink()
    (folder / "kept.txt").write_text("two\n")
    within = folder / "nested $(pwned)"
    within.mkdir()
    git(within, "init", "-q")
    (within / "inner.txt").write_text("inner\n")
    git(within, "add", "-A")
    git(within, "commit", "-q", "-m", "inner")
    for repository in (folder, within):
        _arm(repository, url)
    return folder


def _arm(folder: Path, url: str) -> None:
    hooks = folder / ".githooks"
    hooks.mkdir()
    for place in (hooks, folder / ".git" / "hooks"):
        place.mkdir(exist_ok=True)
        for name in HOOKS:
            hook = place / name
            hook.write_text("#!/bin/sh\npwned\n")
            hook.chmod(0o755)
    (folder / ".git" / "more").write_text('[core]\n    fsmonitor = "pwned --more"\n')
    (folder / ".git" / "info").mkdir(exist_ok=True)
    (folder / ".git" / "info" / "attributes").write_text("* filter=evil diff=evil\n")
    (folder / ".git" / "config").write_text(CONFIG.format(url=url))
