"""What a shell command seems to do, for people who decide about it. Pure; a guess, no proof."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent_runner.agents import shell
from agent_runner.approvals.risk import Note, Risk

_LOOKS = frozenset(
    ("cat", "cd", "date", "df", "diff", "du", "echo", "file", "grep", "head", "id", "ls", "pwd")
) | {"printf", "rg", "stat", "tail", "tree", "true", "uname", "wc", "which", "whoami"}
_GIT_LOOKS = frozenset(("blame", "diff", "log", "rev-parse", "show", "status"))
_DELETES = frozenset(("rm", "rmdir", "shred", "srm", "truncate", "unlink", "wipefs"))
_DISKS = frozenset(("dd", "fdisk", "mkfs", "mkswap", "parted"))
_ELEVATES = frozenset(("doas", "pkexec", "su", "sudo"))
_ENDS = frozenset(("halt", "kill", "killall", "pkill", "poweroff", "reboot", "shutdown"))
_RIGHTS = frozenset(("chattr", "chgrp", "chmod", "chown", "setfacl"))
_DOWNLOADS = frozenset(("aria2c", "curl", "fetch", "wget"))
_NETWORK = frozenset(("ftp", "nc", "ncat", "rsync", "scp", "sftp", "socat", "ssh", "telnet"))
_RUNS_TEXT = frozenset(
    ("bash", "csh", "dash", "eval", "fish", "ksh", "node", "perl", "php", "python", "python3")
) | {"ruby", "sh", "source", "zsh"}
_INSTALLERS = frozenset(
    ("apk", "apt", "apt-get", "brew", "bun", "cargo", "dnf", "gem", "go", "npm", "npx", "pip")
) | {"pip3", "pipx", "pnpm", "uv", "uvx", "yarn", "yum"}
_GIT_NETWORK = frozenset(("clone", "fetch", "pull", "push"))

_REDIRECTION = re.compile(
    r"\d?(?:>>|>\||>&|<>|[<>](?![<>(]))[ \t]{0,8}(?P<target>[^\s;&|<>()]{0,1000})"
)
_NO_FILES = frozenset(("/dev/null", "/dev/stdout", "/dev/stderr"))
_SYSTEM_PROGRAM = re.compile(r"(?:/usr(?:/local)?)?/s?bin/[^/]+")
_VALUE = re.compile(r"^-{1,2}[\w-]{1,64}=")
_HOME = re.compile(r"^\$(?:HOME|\{HOME\})(?=/|$)")


def written_files(command: str) -> list[str]:
    """What it redirects its output to."""
    found = [
        match["target"].strip("'\"")
        for match in _REDIRECTION.finditer(command)
        if ">" in match[0] and not match["target"].isdigit()
    ]
    return [text for text in found if text and text not in _NO_FILES]


def paths_in(command: str) -> Iterator[str]:
    """Words that look like paths: with a slash, a leading `~` or a leading dot.

    Not among them: a program of the system by its whole path. ValueError as `shell.split`.
    """
    for part in shell.split(command):
        program = next(iter(shell.bare_words(part)), None)
        for word in part.split():
            text = _HOME.sub("~", _VALUE.sub("", word.replace("'", "").replace('"', "")))
            if text.rpartition("/")[2].replace("\\", "") == program:
                program = None
                if _SYSTEM_PROGRAM.fullmatch(text):
                    continue
            if "://" in text or text.startswith("-") or text in _NO_FILES:
                continue
            if "/" in text or text.startswith("~") or (text.startswith(".") and len(text) > 1):
                yield text


def notes_on(command: str) -> Iterator[Note]:
    """What is to be said of it; nothing at all if it only looks. ValueError as `shell.split`."""
    found = shell.split(_REDIRECTION.sub(" ", command))
    parts = [bare for part in found if (bare := shell.bare_words(part))]
    programs = {bare[0] for bare in parts}
    if programs & _DOWNLOADS and programs & _RUNS_TEXT:
        yield Note(Risk.HIGH, "may run what it downloads")
    if any(_ELEVATES & set(part.split()) for part in found):
        yield Note(Risk.HIGH, "runs as another user")
    if not parts:
        yield Note(Risk.MEDIUM, "runs a command")
    for bare in parts:
        yield from _notes_on_part(bare)
    if written_files(command):
        yield Note(Risk.MEDIUM, "writes to a file")


def _notes_on_part(bare: list[str]) -> Iterator[Note]:
    program, rest = bare[0], set(bare[1:])
    if program in _DELETES or (program == "find" and "-delete" in rest):
        yield Note(Risk.HIGH, "deletes")
    elif program in _DISKS or program.startswith("mkfs."):
        yield Note(Risk.HIGH, "writes to a disk")
    elif program in _ENDS:
        yield Note(Risk.HIGH, "ends other processes")
    elif program in _RIGHTS:
        yield Note(Risk.HIGH, "changes rights")
    elif program == "git":
        yield from _notes_on_git(bare[1:])
    elif program in _DOWNLOADS or program in _NETWORK:
        yield Note(Risk.MEDIUM, "reaches the network")
    elif program in _INSTALLERS:
        yield Note(Risk.MEDIUM, "may install software")
    elif program not in _LOOKS:
        yield Note(Risk.MEDIUM, "runs a command")


def _notes_on_git(words: list[str]) -> Iterator[Note]:
    verb = next((word for word in words if not word.startswith("-")), "")
    rest = set(words)
    if verb == "push" and rest & {"--force", "-f", "--delete", "--mirror", "--force-with-lease"}:
        yield Note(Risk.HIGH, "overwrites a remote branch")
    elif verb == "clean" or (verb == "reset" and "--hard" in rest):
        yield Note(Risk.HIGH, "deletes")
    elif verb in _GIT_NETWORK:
        yield Note(Risk.MEDIUM, "reaches the network")
    elif verb not in _GIT_LOOKS or words[0] != verb:
        yield Note(Risk.MEDIUM, "runs a command")
