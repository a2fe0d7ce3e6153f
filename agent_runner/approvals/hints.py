"""What a call names and how much it could do, for people who decide. Hints decide nothing.

They are read off the input as text: links are not followed, variables not looked up, and a
program may do what its name does not say. What looks harmless here may not be.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from agent_runner.agents.tool_calls import (
    calls_in,
    commands_of,
    is_question,
    is_shell,
    only_reads,
    paths_of,
    texts_in,
)
from agent_runner.approvals import commands
from agent_runner.approvals.risk import Note, Risk

MOST_PATHS = 20
MOST_ADDRESSES = 20
MOST_CALLS = 20
MOST_NOTES = 20
LONGEST_TEXT = 300
LONGEST_COMMAND = 4096
LOOKED_AT = 64 * 1024
"""Characters of a call that are looked at."""

_EDIT_TOOLS = frozenset(
    ("ApplyPatch", "Create", "Edit", "MultiEdit", "NotebookEdit", "Write", "replace", "write_file")
)
_FETCH_TOOLS = frozenset(("FetchUrl", "WebFetch", "WebSearch", "google_web_search", "web_fetch"))
_ADDRESS_ARGUMENTS = ("url", "urls", "uri", "uris", "href", "endpoint")
_ADDRESS = re.compile(
    r"(?:https?|ftps?|sftp|ssh|git|wss?)://[^\s'\"<>`\\|;(){}]{1,2000}", re.IGNORECASE
)
_REMOTE = re.compile(r"(?<![\w@./-])[\w.-]{1,64}@([\w-]{1,63}(?:\.[\w-]{1,63}){0,8}):(?!//)")
_DELETED = re.compile(r"^\*\*\* Delete File: ", re.MULTILINE)
_SECRET = re.compile(
    r"(?:^|/)(?:\.ssh|\.gnupg|\.aws|\.azure|\.kube|\.docker|\.netrc|\.pgpass|\.npmrc|\.pypirc"
    r"|etc/(?:shadow|gshadow|sudoers)|\.git-credentials|\.env(?:\.[^/]{0,64})?|\.vault-token|id_(?:rsa|dsa|ecdsa|ed25519)"
    r"|credentials(?:\.json)?|[^/]{0,100}\.(?:pem|key|p12|pfx))(?:/|$)"
)
_RUN_BY_OTHERS = re.compile(
    r"(?:^|/)(?:\.(?:bashrc|bash_profile|profile|zshrc|zprofile|zshenv|gitconfig)|\.git/(?:hooks|config)"
    r"|\.husky|crontab|cron\.[a-z]{1,16}|autostart|systemd)(?:/|$)"
)


class Hints(msgspec.Struct, frozen=True, kw_only=True):
    """`paths` as the call names them; `network` addresses, without users and passwords."""

    paths: list[str] = []
    command: str | None = None
    network: list[str] = []
    risk: Literal["low", "medium", "high"]
    notes: list[str] = []


def hints(tool: str, kind: str | None, input: dict[str, Any], cwd: str) -> Hints:  # noqa: A002
    """What is to be seen in a call, or in all calls of one question (`calls_in`).

    `cwd` is the agent's working folder, absolute. Never raises on any JSON.
    """
    calls = calls_in(tool, input)
    found = _Found(cwd)
    for number, (name, given) in enumerate(calls[:MOST_CALLS]):
        found.look_at(name, kind if number == 0 else None, given)
    if len(calls) > MOST_CALLS:
        found.note(Risk.HIGH, f"{len(calls)} calls at once, of which {MOST_CALLS} were looked at")
    return found.hints()


class _Found:
    """Gathers what is to be said."""

    def __init__(self, cwd: str) -> None:
        self._cwd = posixpath.normpath(cwd)
        self._paths: dict[str, None] = {}
        self._commands: list[str] = []
        self._network: dict[str, None] = {}
        self._notes: dict[str, Risk] = {}
        self._left = LOOKED_AT

    def note(self, risk: Risk, text: str) -> None:
        self._notes[text] = max(risk, self._notes.get(text, Risk.LOW))

    def look_at(self, tool: str, kind: str | None, given: dict[str, Any]) -> None:
        reads = only_reads(tool, kind)
        try:
            self._look_at(tool, kind, given, reads)
        except ValueError as error:
            self.note(Risk.HIGH, f"not looked at in full: {error}")

    def _look_at(self, tool: str, kind: str | None, given: dict[str, Any], reads: bool) -> None:
        if is_question(tool, kind):
            self.note(Risk.LOW, "asks for an answer")
        elif reads:
            self.note(Risk.LOW, "only reads")
        elif is_shell(tool, kind):
            if not commands_of(tool, kind, given):
                self.note(Risk.MEDIUM, "runs a command that it does not show")
        elif kind == "delete" or _deletes(given):
            self.note(Risk.HIGH, "deletes")
        elif tool in _EDIT_TOOLS or kind in ("edit", "move"):
            self.note(Risk.MEDIUM, "writes files")
        elif tool in _FETCH_TOOLS or kind == "fetch":
            self.note(Risk.MEDIUM, "reaches the network")
        else:
            self.note(Risk.MEDIUM, "a tool of which nothing is known")
        for command in commands_of(tool, kind, given):
            self._command(command)
        self._files([self._take(path) for path in paths_of(given)], reads)
        for name in given if tool in _FETCH_TOOLS or kind == "fetch" else _ADDRESS_ARGUMENTS:
            for text in texts_in(given.get(name, [])):
                self._addresses(self._take(text))

    def _take(self, text: str) -> str:
        """As much of `text` as is still to be looked at."""
        taken = text[: self._left]
        self._left -= len(taken)
        if len(taken) < len(text):
            self.note(Risk.HIGH, "too long to be looked at in full")
        return taken

    def _command(self, command: str) -> None:
        self._commands.append(command)
        taken = self._take(command)
        self._addresses(taken)
        notes = list(commands.notes_on(taken))
        for note in notes or [Note(Risk.LOW, "only looks")]:
            self.note(*note)
        self._files(commands.written_files(taken), reads=False)
        self._files(commands.paths_in(taken), reads=not notes)

    def _files(self, paths: Iterable[str], reads: bool) -> None:
        for path in filter(None, paths):
            self._paths[path] = None
            if _SECRET.search(path):
                self.note(Risk.HIGH, f"may hold secrets: {_cut(path)}")
            if not reads and _RUN_BY_OTHERS.search(path):
                self.note(Risk.HIGH, f"other programs run it: {_cut(path)}")
            if self._is_outside(path):
                risk = Risk.MEDIUM if reads else Risk.HIGH
                self.note(risk, f"outside the working folder: {_cut(path)}")

    def _is_outside(self, path: str) -> bool:
        if path.startswith("~"):
            return True
        whole = posixpath.normpath(posixpath.join(self._cwd, path))
        return whole != self._cwd and not whole.startswith(self._cwd.rstrip("/") + "/")

    def _addresses(self, text: str) -> None:
        for address in _ADDRESS.findall(text):
            self._address(address)
        for host in _REMOTE.findall(text):
            self._network[host] = None

    def _address(self, address: str) -> None:
        try:
            split = urlsplit(address)
        except ValueError:
            self._network[_cut(address)] = None
            return
        _, at, host = split.netloc.rpartition("@")
        if at:
            self.note(Risk.MEDIUM, f"an address with a user name before {_cut(host)}")
        self._network[_cut(split._replace(netloc=host).geturl())] = None

    def hints(self) -> Hints:
        notes = sorted(self._notes.items(), key=lambda item: -item[1])
        shown, more = notes[:MOST_NOTES], len(notes) - MOST_NOTES
        texts = [text for text, _ in shown]
        if more > 0:
            texts.append(f"and {more} more notes")
        for name, found, most in (
            ("paths", self._paths, MOST_PATHS),
            ("addresses", self._network, MOST_ADDRESSES),
        ):
            if len(found) > most:
                texts.append(f"and {len(found) - most} more {name}")
        return Hints(
            paths=[_cut(path) for path in list(self._paths)[:MOST_PATHS]],
            command=_cut("\n".join(self._commands), LONGEST_COMMAND) if self._commands else None,
            network=list(self._network)[:MOST_ADDRESSES],
            risk=_WORDS[notes[0][1] if notes else Risk.LOW],
            notes=texts,
        )


_WORDS: dict[Risk, Literal["low", "medium", "high"]] = {
    Risk.LOW: "low",
    Risk.MEDIUM: "medium",
    Risk.HIGH: "high",
}


def _deletes(given: dict[str, Any]) -> bool:
    return any(
        isinstance(given.get(name), str) and _DELETED.search(given[name])
        for name in ("patch", "input")
    )


def _cut(text: str, longest: int = LONGEST_TEXT) -> str:
    if len(text) <= longest:
        return text
    return f"{text[:longest]}… [{len(text)} characters in all]"
