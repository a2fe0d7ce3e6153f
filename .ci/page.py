"""Builds the page, web/, into agent_runner/page/ where its sources have changed."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import npm

PAGE = npm.ROOT / "agent_runner" / "page"
STAMP = ".built-from"
"""In the page's folder: the hash of its sources."""

_KINDS = frozenset({".ts", ".tsx", ".css", ".html", ".svg", ".json"})
_LEFT_OUT = frozenset({"node_modules", "dist", "test"})
_BESIDE = npm.WEB / "dist" / "set-up"


def set_up(pip: Callable[..., bool], say: Callable[[str], None], *, modules: bool) -> None:
    """Build the page if it is not that of its sources; with `modules`, have them in any case.

    What cannot be had is said, and the service goes without. Several may do this at a time: one
    builds, beside the page that is served, and puts the whole in its place.
    """
    if is_built() and (npm.are_there() or not modules):
        return
    with (npm.VENV / ".page-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_built():
            say(f"Building the page{'' if npm.are_there() else ' with Node.js: about 20 s'}")
        elif not npm.are_there() and modules:
            say("Fetching what the page is built and tested with")
        try:
            if modules or not is_built():
                npm.install(pip)
            if not is_built():
                _build()
        except npm.NoNodeError as error:
            left = "stays as it is" if (PAGE / "index.html").is_file() else "is not built"
            say(f"The page {left}, and all else works: {error}")


def is_built() -> bool:
    """True if the page is that of its sources."""
    stamp = PAGE / STAMP
    return stamp.is_file() and stamp.read_text() == wanted()


def wanted() -> str:
    """The hash of all that the page is built from."""
    found = hashlib.sha256(npm.LOCK.read_bytes())
    for file in sources():
        name = str(file.relative_to(npm.WEB)).encode()
        body = file.read_bytes()
        found.update(b"%d %s %d " % (len(name), name, len(body)))
        found.update(body)
    return found.hexdigest()


def sources() -> Iterator[Path]:
    """The files that the page is built from, in order."""
    for folder, folders, files in os.walk(npm.WEB):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT)
        for name in sorted(files):
            if Path(name).suffix in _KINDS and ".test." not in name:
                yield Path(folder, name)


def _build() -> None:
    stamp = wanted()
    done = npm.run("run", "build", AGENT_RUNNER_PAGE=str(_BESIDE))
    if done.returncode:
        raise npm.NoNodeError(f"its build failed:\n{done.stdout.rstrip()}")
    (_BESIDE / STAMP).write_text(stamp)
    before = _BESIDE.with_name("before")
    shutil.rmtree(before, ignore_errors=True)
    if PAGE.exists():
        PAGE.rename(before)
    _BESIDE.rename(PAGE)
    shutil.rmtree(before, ignore_errors=True)
