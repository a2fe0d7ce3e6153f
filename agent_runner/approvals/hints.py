"""What a call names and how much it could do, for people who decide. Hints decide nothing.

They are read off the input as text: links are not followed, variables not looked up, and a
program may do what its name does not say. What looks harmless here may not be.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from agent_runner.agents import shell
from agent_runner.agents.tool_calls import (
    COMMAND_ARGUMENTS,
    EDITING_TOOLS,
    FETCHING_TOOLS,
    PATH_ARGUMENTS,
    calls_in,
    commands_of,
    is_question,
    is_shell,
    only_reads,
    paths_of,
    texts_in,
)
from agent_runner.approvals import commands, hidden, scripts
from agent_runner.approvals.risk import Note, Risk

MOST_PATHS = 20
MOST_ADDRESSES = 20
MOST_CALLS = 20
MOST_NOTES = 20
LONGEST_TEXT = 300
LONGEST_COMMAND = 4096
LOOKED_AT = 64 * 1024
"""Characters of a call that are looked at."""

LOOKED_THROUGH = 1 << 20
"""Characters of a call that are looked through for hidden text."""
LONG_COMMAND = 1000
MOST_WORDS = 3
_LONGEST_NAME = 40

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
    """`paths` as the call names them; `network` addresses, without users and passwords.

    In all of them what is not seen as what it is stands as a code (`hidden.shown`).
    """

    paths: list[str] = []
    command: str | None = None
    network: list[str] = []
    risk: Literal["low", "medium", "high"]
    notes: list[str] = []


def hints(
    tool: str,
    kind: str | None,
    input: dict[str, Any],  # noqa: A002
    cwd: str,
    said: str = "",
) -> Hints:
    """What is to be seen in a call, or in all calls of one question (`calls_in`).

    `said` is what the question shows besides: its words and those of its options. `cwd` is the
    agent's working folder, absolute. Never raises on any JSON.
    """
    calls = calls_in(tool, input)
    found = _Found(cwd)
    found.look_through_all(calls)
    found.look_through("the question", said[:LOOKED_AT], near=True)
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

    def look_through_all(self, calls: Sequence[tuple[str, dict[str, Any]]]) -> None:
        """Say what the names and values of each call hide, however deep they lie."""
        left = LOOKED_THROUGH
        for tool, given in calls:
            near = {*COMMAND_ARGUMENTS, *PATH_ARGUMENTS, *_ADDRESS_ARGUMENTS, "title"}
            for name, text in named_texts(given):
                left -= len(text) + 1
                if left < 0:
                    self.note(Risk.HIGH, "too much to be looked through for hidden text")
                    return
                self.look_through(f"`{_short_name(name)}`", text, near=name in near)
            self.look_through("the tool's name", tool, near=True)

    def look_through(self, place: str, text: str, *, near: bool) -> None:
        """Say what `text` hides; `near` is what names a command, a file or an address."""
        for finding in hidden.findings(text):
            self.note(finding.risk, f"{finding.text} in {place}")
        if text.isascii() and "xn--" not in text:
            return
        words = list(islice(scripts.mixed_words(text), MOST_WORDS))
        if words:
            named = ", ".join(f"{word} ({scripts.spelled(word)})" for word in words)
            risk = Risk.HIGH if near else Risk.MEDIUM
            self.note(risk, f"letters that look like others in {place}: {named}")
        if near and (sign := scripts.sign_in(text)):
            self.note(Risk.MEDIUM, f"a sign that looks like `/` or `.` in {place}: {sign}")
        if "://" in text:
            for address in islice(_ADDRESS.finditer(text), MOST_ADDRESSES):
                self._host(address[0])
        if "@" in text:
            for host in islice(_REMOTE.finditer(text), MOST_ADDRESSES):
                self._host_name(host[1])

    def _host(self, address: str) -> None:
        netloc = address.partition("://")[2]
        netloc = re.split(r"[/?#]", netloc, maxsplit=1)[0].rpartition("@")[2]
        self._host_name(netloc.rpartition(":")[0] or netloc)

    def _host_name(self, host: str) -> None:
        if host.isascii() and "xn--" not in host.lower():
            return
        seen = scripts.as_text(host) if host.isascii() else host
        risk = Risk.HIGH if scripts.looks_foreign(seen) else Risk.MEDIUM
        self.note(risk, f"a host beyond ASCII: {_cut(seen)} is {_cut(scripts.as_ascii(seen))}")

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
        elif tool in EDITING_TOOLS or kind in ("edit", "move"):
            self.note(Risk.MEDIUM, "writes files")
        elif tool in FETCHING_TOOLS or kind == "fetch":
            self.note(Risk.MEDIUM, "reaches the network")
        else:
            self.note(Risk.MEDIUM, "a tool of which nothing is known")
        for command in commands_of(tool, kind, given):
            self._command(command)
        self._files([self._take(path) for path in paths_of(given)], reads)
        for name in given if tool in FETCHING_TOOLS or kind == "fetch" else _ADDRESS_ARGUMENTS:
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
        notes = [*commands.notes_on(taken), *_odd_programs(taken)]
        if len(command) > LONG_COMMAND:
            self.note(Risk.MEDIUM, f"a command of {len(command)} characters")
        for note in notes or [Note(Risk.LOW, "only looks")]:
            self.note(*note)
        self._files(commands.written_files(taken), reads=False)
        self._files(commands.paths_in(taken), reads=not notes)

    def _files(self, paths: Iterable[str], reads: bool) -> None:
        for path in filter(None, paths):
            self._paths[path] = None
            if _SECRET.search(path):
                self.note(Risk.HIGH, f"may hold secrets: {_shown(path)}")
            if not reads and _RUN_BY_OTHERS.search(path):
                self.note(Risk.HIGH, f"other programs run it: {_shown(path)}")
            if self._is_outside(path):
                risk = Risk.MEDIUM if reads else Risk.HIGH
                self.note(risk, f"outside the working folder: {_shown(path)}")

    def _is_outside(self, path: str) -> bool:
        if path.startswith("~"):
            return True
        whole = posixpath.normpath(posixpath.join(self._cwd, path))
        return whole != self._cwd and not whole.startswith(self._cwd.rstrip("/") + "/")

    def _addresses(self, text: str) -> None:
        for address in _ADDRESS.findall(text):
            self._address(address)
        for host in _REMOTE.findall(text):
            self._network[_shown(host)] = None

    def _address(self, address: str) -> None:
        try:
            split = urlsplit(address)
        except ValueError:
            self.note(Risk.MEDIUM, f"an address that cannot be read: {_shown(address)}")
            self._network[_shown(address)] = None
            return
        _, at, host = split.netloc.rpartition("@")
        if at:
            self.note(Risk.MEDIUM, f"an address with a user name before {_shown(host)}")
        if scripts.looks_foreign(host):
            name, colon, port = host.partition(":")
            host = f"{scripts.as_ascii(name)}{colon}{port}"
        self._network[_shown(split._replace(netloc=host).geturl())] = None

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
            paths=[_shown(path) for path in list(self._paths)[:MOST_PATHS]],
            command=_shown("\n".join(self._commands), LONGEST_COMMAND) if self._commands else None,
            network=list(self._network)[:MOST_ADDRESSES],
            risk=_WORDS[notes[0][1] if notes else Risk.LOW],
            notes=[hidden.coded(text) for text in texts],
        )


_WORDS: dict[Risk, Literal["low", "medium", "high"]] = {
    Risk.LOW: "low",
    Risk.MEDIUM: "medium",
    Risk.HIGH: "high",
}


def _odd_programs(command: str) -> Iterator[Note]:
    """Programs whose names are not of ASCII: `rm` with a Cyrillic letter, say, is another one."""
    for part in shell.split(command):
        name = next(iter(shell.bare_words(part)), "")
        if not name.isascii():
            text = f"a program's name beyond ASCII: {_shown(name)} ({_cut(scripts.spelled(name))})"
            yield Note(Risk.HIGH, text)


def named_texts(given: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every text in a call's input with the argument it belongs to; names inside count, too."""
    waiting: list[tuple[str, Any]] = [(name, value) for name, value in reversed(given.items())]
    for name in given:
        yield name, name
    while waiting:
        argument, item = waiting.pop()
        if isinstance(item, str):
            yield argument, item
        elif isinstance(item, dict):
            for name, value in item.items():
                yield argument, name
                waiting.append((argument, value))
        elif isinstance(item, list):
            waiting.extend((argument, value) for value in item)


def _short_name(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."


def _deletes(given: dict[str, Any]) -> bool:
    return any(
        isinstance(given.get(name), str) and _DELETED.search(given[name])
        for name in ("patch", "input")
    )


def _shown(text: str, longest: int = LONGEST_TEXT) -> str:
    """`text` so that all of it is seen as what it is, as far as `longest` goes."""
    counted = hidden.counted(text)
    plain = scripts.unmixed(hidden.coded(counted[:longest]))
    if len(counted) <= longest and len(plain) <= longest:
        return plain
    return f"{plain[:longest]}… [{len(text)} characters in all]"


def _cut(text: str, longest: int = LONGEST_TEXT) -> str:
    if len(text) <= longest:
        return text
    return f"{text[:longest]}… [{len(text)} characters in all]"
