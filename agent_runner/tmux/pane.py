"""One tmux server with one session: the commands that the driver gives it.

The socket is called by its name, with its folder as the working directory: the path of a
state folder may be longer than the 107 bytes that a socket's may have. Standard library
only: the driver starts without site packages.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Sequence
from typing import NamedTuple

from agent_runner import quoting

SOCKET = "t"
SESSION = "agent"
PANE = "%0"
"""The one that was there first. By the session's name it is the one that somebody is at, who may
have opened more."""

_OPTIONS = """\
set -g default-terminal xterm-256color
set -g history-limit {history}
set -g remain-on-exit on
set -gq remain-on-exit-format ""
set -g status off
set -s escape-time 0
set -s set-clipboard off
set -g focus-events off
set -g destroy-unattached off
"""

_OPEN = (
    ["copy-mode", "-q", "-t", PANE],
    ["if-shell", "-F", "-t", PANE, "#{pane_input_off}", f"select-pane -e -t {PANE}"],
)
"""Leaves tmux's own modes, and lets input in: what somebody at the terminal has set takes the keys
that are for the program."""


class TmuxError(Exception):
    """tmux did not do what it was told; the message is tmux's."""


class Look(NamedTuple):
    """The screen, where its cursor stands, and how many lines it has scrolled away."""

    text: str
    cursor: str
    history: int


class Pane:
    """The pane in which the CLI runs. `folder` must exist and be private."""

    history_limit = 0

    def __init__(self, tmux: str, folder: str) -> None:
        self._tmux = tmux
        self._folder = folder

    def start(
        self, argv: list[str], cwd: str, env: dict[str, str], *, size: tuple[int, int], history: int
    ) -> int:
        """Start the server and in it `argv`; the process id of the program. TmuxError.

        It starts where this process is, which was checked, and not where `cwd` leads to now.
        """
        self.history_limit = history
        conf = os.path.join(self._folder, "tmux.conf")
        with open(conf, "w") as file:
            file.write(_OPTIONS.format(history=history))
        # A format to tmux, which a folder's name must not be.
        here = f"/proc/{os.getpid()}/cwd"
        words = ["env", "-u", "TMUX", "-u", "TMUX_PANE", f"PWD={cwd}"]
        words += [f"{name}={value}" for name, value in env.items()]
        columns, rows = size
        self.run(
            "-f", "tmux.conf", "new-session", "-d", "-s", SESSION,
            "-x", str(columns), "-y", str(rows), "-c", here, *words, *quoting.env(argv),
        )  # fmt: skip
        # Set for all windows, it ends the server when the next one is opened (seen in 3.3a).
        self.run("set-option", "-w", "-t", PANE, "window-size", "manual")
        return int(self.tell("#{pane_pid}"))

    def run(self, *words: str, given: bytes | None = None) -> str:
        """Give one command; what it prints. TmuxError if it fails."""
        return self._run(words, given=given)

    def _run(self, *commands: Sequence[str], given: bytes | None = None) -> str:
        line = [self._tmux, "-S", SOCKET]
        for number, words in enumerate(commands):
            line += [*([";"] if number else []), *quoting.tmux(words)]
        done = subprocess.run(
            line,
            cwd=self._folder,
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise TmuxError(
                done.stderr.decode("utf-8", "replace").strip() or f"tmux {commands[0][0]}"
            )
        return done.stdout.decode("utf-8", "replace")

    def tell(self, form: str) -> str:
        """A format of tmux's, filled in for the pane."""
        return self.run("display-message", "-p", "-t", PANE, form).strip()

    def server_pid(self) -> int:
        """The process id of the tmux server."""
        return int(self.tell("#{pid}"))

    def screen(self) -> str:
        """What the pane shows, without the colours."""
        return self.run("capture-pane", "-p", "-t", PANE)

    def look(self) -> Look:
        """The screen as it is at this moment; lines that were wrapped are one again."""
        form = "#{cursor_x},#{cursor_y} #{history_size}"
        told, _, text = self._run(
            ["display-message", "-p", "-t", PANE, form], ["capture-pane", "-p", "-J", "-t", PANE]
        ).partition("\n")
        cursor, _, history = told.partition(" ")
        return Look(text, cursor, int(history))

    def all_text(self) -> str:
        """All that has scrolled away, and the screen."""
        return self.run("capture-pane", "-p", "-J", "-S", "-", "-t", PANE)

    def clear_history(self) -> None:
        """Forget what has scrolled away."""
        self.run("clear-history", "-t", PANE)

    def keys(self, keys: list[str]) -> None:
        """Press keys, by tmux's names."""
        self._run(*_OPEN, ["send-keys", "-t", PANE, *keys])

    def paste(self, text: str) -> None:
        """Paste `text` as one bracketed paste, line ends as they are."""
        self.run("load-buffer", "-b", "prompt", "-", given=text.encode("utf-8", "replace"))
        self._run(*_OPEN, ["paste-buffer", "-d", "-p", "-r", "-b", "prompt", "-t", PANE])

    def dead(self) -> bool:
        """True once tmux has seen the end of the program, and how it ended.

        It calls a pane dead when its terminal is closed, which may be before that.
        """
        return self.tell("#{pane_dead_status}#{pane_dead_signal}") != ""

    def status(self) -> tuple[int | None, int | None]:
        """How the dead program ended: exit code and signal."""
        code, signal = self.tell("#{pane_dead_status}|#{pane_dead_signal}").split("|")
        return (int(code) if code else None, int(signal) if signal else None)

    def kill_server(self) -> None:
        """End the server, and so the CLI; no matter if it is gone."""
        with contextlib.suppress(TmuxError):
            self.run("kill-server")
