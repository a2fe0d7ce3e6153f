"""Keeps tools out of the service's own folder, as far as a call shows that it goes there.

The folder holds the token with which approvals are decided, and every conversation. A file tool
names its paths, whose links are followed; of a shell command, or of a program that is started, only
what is written out is seen. Whoever needs more than that gives the agents an account of their own.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote

from agent_runner.agents.tool_calls import calls_in, commands_of, paths_of, texts_in

REASON = "it goes to the service's own folder"

LONGEST_PATH = 4096
LONGEST_TEXT = 64 << 10
MOST_FOLLOWED = 50
TOLD_FILES = ("token", "agent-runner.db", "private", "raw")

_VARIABLES = ("HOME", "XDG_STATE_HOME")
_QUOTING = re.compile(r"['\"\\]")
_BRACES = re.compile(r"\{[^{}\s]*\}")
_PROCESS = re.compile(r"/+proc/+[^/]+/+(?:task/+[^/]+/+)?(root|cwd)(?=/|$)")
_BETWEEN_WORDS = re.compile(r"[\s;&|<>()`,=]+")


class Guard:
    """Knows the service's folder by each of its names. `follow` tells where a path leads to.

    The folders that are `readable` lie in it, and are no secret.
    """

    def __init__(
        self,
        folders: Iterable[str],
        env: Mapping[str, str],
        follow: Callable[[str], str] = os.path.realpath,
        *,
        readable: Iterable[str] = (),
    ) -> None:
        self._follow = follow
        self._readable = [posixpath.normpath(folder) for folder in readable]
        self._folders = [posixpath.normpath(folder) for folder in folders]
        self._env = {name: env[name] for name in _VARIABLES if env.get(name)}
        names = {_QUOTING.sub("", posixpath.basename(folder)) for folder in self._folders}
        self._endings = [f"{name}/{file}" for name in names for file in TOLD_FILES]

    def refuses(self, tool: str, kind: str | None, given: dict[str, Any], cwd: str) -> bool:
        """True if a call goes to the folder, other than to `cwd` within it."""
        try:
            return any(self._goes(name, kind, of, cwd) for name, of in calls_in(tool, given))
        except ValueError:  # too much to look at
            text = json.dumps(given)
            return any(folder in text for folder in self._folders)

    def _goes(self, tool: str, kind: str | None, given: dict[str, Any], cwd: str) -> bool:
        if any(self._named(command, cwd) for command in commands_of(tool, kind, given)):
            return True
        if any(self._holds(text, cwd) for text in texts_in(given)):
            return True
        return any(self._leads(path, cwd) for path in paths_of(given)[:MOST_FOLLOWED])

    def _leads(self, path: str, cwd: str) -> bool:
        whole = self._whole(path, cwd)
        if whole is None or "\0" in whole:
            return False
        try:
            return self._holds(self._follow(whole), self._follow(cwd))
        except (OSError, ValueError):
            return False

    def _named(self, command: str, cwd: str) -> bool:
        bare = _BRACES.sub(_of_braces, _QUOTING.sub("", command))
        if any(ending in bare for ending in self._endings):
            return True
        return any(self._holds(word, cwd) for word in _BETWEEN_WORDS.split(bare) if "/" in word)

    def _holds(self, path: str, cwd: str) -> bool:
        """True if the folder holds what `path` may name, with wildcards as a shell has them."""
        whole = self._whole(path, cwd)
        if whole is None:
            return False
        parts = whole.split("/")
        for folder in self._folders:
            wanted = folder.split("/")
            matched = len(parts) >= len(wanted) and all(
                pattern == part or fnmatchcase(part, pattern)
                for part, pattern in zip(wanted, parts, strict=False)
            )
            own = cwd != folder and _within(cwd, folder) and _within(whole, cwd)
            shared = any(whole != one and _within(whole, one) for one in self._readable)
            if matched and not (own or shared):
                return True
        return False

    def _whole(self, path: str, cwd: str) -> str | None:
        """`path` from the root on; None of a text that is no path."""
        path = path.strip()
        if not path or len(path) > LONGEST_TEXT or "\n" in path:
            return None
        path = posixpath.join(cwd, self._expanded(path))
        if (process := _PROCESS.match(path)) is not None:
            start = "/" if process[1] == "root" else cwd
            path = posixpath.join(start, path[process.end() :].lstrip("/"))
        whole = posixpath.normpath(_BRACES.sub(_of_braces, path))
        # It keeps two slashes at the beginning, which POSIX lets mean anything.
        whole = whole.removeprefix("/") if whole.startswith("//") else whole
        return whole if len(whole) <= LONGEST_PATH else None

    def _expanded(self, path: str) -> str:
        if path.startswith("file://"):
            path = unquote(path.removeprefix("file://").removeprefix("localhost"))
        for name, value in self._env.items():
            path = path.replace(f"${{{name}}}", value).replace(f"${name}", value)
        home = self._env.get("HOME")
        return home + path[1:] if home and (path == "~" or path.startswith("~/")) else path


def _of_braces(found: re.Match[str]) -> str:
    """What a shell may make of braces: anything; a variable's stay."""
    before = found.string[: found.start()]
    return found[0] if before.endswith("$") else "*"


def _within(path: str, folder: str) -> bool:
    return f"{path}/".startswith(f"{folder.rstrip('/')}/")
