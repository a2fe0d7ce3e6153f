"""The driver alone, with a UI of a few lines."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent_runner.decoding.terminal import Dialog, Profile, Setup, Wait
from agent_runner.tmux import driver

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

# Draws its box, reads its session only when it is told to, and then calls its hook.
UI = """
import json, os, subprocess, sys
print("box>", flush=True)
with open("told") as told:
    told.read()
event = json.dumps({"hook_event_name": "SessionStart"}).encode()
subprocess.run(sys.argv[1].split(), input=event, check=True)
sys.stdin.read()
"""


class Driven:
    """The driver of a scripted UI in `folder`, spoken to as the service does."""

    def __init__(
        self,
        folder: Path,
        script: str,
        *,
        more_files: Any = None,
        **profile: Any,
    ) -> None:
        self._folder = folder
        (folder / "ui.py").write_text(script)
        box = Wait(screen="^box>")
        setup = Setup(
            argv=["sh", "-c", f'exec {sys.executable} -S ui.py "$(cat command)"'],
            cwd=str(folder),
            folder=str(folder),
            tmux=shutil.which("tmux") or "",
            profile=Profile(
                home=["~"],
                ready=box,
                idle=box,
                hook_files={"{folder}/command": "{command}", **(more_files or {})},
                **profile,
            ),
        )
        (folder / "setup.json").write_bytes(msgspec.json.encode(setup))
        argv = [sys.executable, "-I", "-S", driver.__file__, str(folder / "setup.json")]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(argv, cwd=folder, stdin=pipe, stdout=pipe, text=True)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout

    def tell(self, **command: Any) -> None:
        self._to.write(json.dumps(command) + "\n")
        self._to.flush()

    def close(self) -> None:
        self._to.close()

    def ask(self, question: dict[str, Any], *answers: dict[str, Any]) -> None:
        """Give it keys for dialogs, and let the UI, which waits for that, come to the first."""
        for answer in answers:
            self.tell(do="keys", **question, **answer)
        (self._folder / "told").write_text("ask")

    def screen_with(self, sign: str, messages: Iterator[dict[str, Any]]) -> str:
        """What the screen shows once `sign` is on it; the messages until then are thrown away."""
        self.tell(do="screen")
        for message in messages:
            if message["type"] == "screen":
                if sign in message["text"]:
                    return str(message["text"])
                self.tell(do="screen")
        raise AssertionError(f"it ended without {sign!r}")

    def leave(self, messages: Iterator[dict[str, Any]]) -> None:
        """Let it go, and see that it has."""
        self.close()
        assert [message["type"] for message in messages][-1] == "exited"

    def messages(self) -> Iterator[dict[str, Any]]:
        """What it says, until it has ended."""
        with self._from:
            for line in self._from:
                yield json.loads(line)
        self._process.wait()


def until(kind: str, messages: Iterator[dict[str, Any]]) -> None:
    """Read on to the first message of that kind."""
    assert any(message["type"] == kind for message in messages), f"it ended without {kind}"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A private one with a short name, as the socket's path must be."""
    with tempfile.TemporaryDirectory(prefix="ar-") as name:
        yield Path(name)


def test_a_box_is_not_enough_where_a_hook_tells_of_the_session(folder: Path) -> None:
    os.mkfifo(folder / "told")
    driven = Driven(folder, UI, ready_hook="SessionStart")
    heard = []
    driven.tell(do="screen")
    for message in driven.messages():
        match message["type"]:
            case "screen" if "box>" not in message["text"]:
                driven.tell(do="screen")
            case "screen":
                (folder / "told").write_text("go on")
            case "ready":
                driven.close()
        heard.append(message["type"])
    assert [kind for kind in heard if kind != "screen"] == ["started", "hook", "ready", "exited"]


def command_lines() -> list[bytes]:
    """Those of every process there is."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(file.read_bytes())
    return found


def test_no_command_line_tells_where_hooks_are_taken(folder: Path) -> None:
    """Whoever knows that could answer a question in the CLI's name."""
    driven = Driven(
        folder,
        UI,
        more_files={"{folder}/url": "{url}"},
        held=["SessionStart"],
        env={"HOOK": "{command}"},
    )
    (folder / "told").write_text("go on")
    messages = driven.messages()
    until("hook", messages)
    secret = (folder / "url").read_text().rpartition("/")[2]
    assert len(secret) == 36
    lines = command_lines()
    assert any(b"pass_hook.py" in line for line in lines)
    assert not [line for line in lines if secret.encode() in line]
    told = [file for file in folder.iterdir() if file.is_file() and secret in file.read_text()]
    assert told
    assert {file.stat().st_mode & 0o077 for file in told} == {0}
    driven.leave(messages)


# Its turn comes to a question that nobody is there for.
DIALOG = """
print("box>\\n| 1. Go on |\\n| 2. Stop |", flush=True)
print("\\033[2J\\033[Hpressed", input(), "\\nbox>", flush=True)
input()
"""


def test_a_dialog_that_a_turn_ends_in_is_dismissed_once(folder: Path) -> None:
    dialog = Dialog(pattern=r"^\| (\d)\. Stop \|$", keys=["{1}", "Enter"])
    driven = Driven(folder, DIALOG, turn_dialogs=[dialog])
    heard = []
    for message in driven.messages():
        heard.append(message["type"])
        match message["type"]:
            case "ready":
                driven.tell(do="answer", id=0, body={})
            case "settled":
                assert message["screen"].startswith("pressed 2")
                driven.close()
    assert heard == ["started", "ready", "dismissed", "settled", "exited"]


# Takes the prompt without a word, and comes to a question that the submit key would answer.
QUESTION = """
print("box>", flush=True)
input()
print("\\033[2J\\033[H1. Allow once", flush=True)
print("allowed" + input(), flush=True)
"""


def test_a_question_is_not_answered_by_the_submit_key(folder: Path) -> None:
    times = {"patience_s": (0.2, 0.2, 0.2), "busy_s": 0.5}
    driven = Driven(folder, QUESTION, prompt_hook="BeforeAgent", **times)
    for message in driven.messages():
        match message["type"]:
            case "ready":
                driven.tell(do="prompt", id=1, text="do it")
            case "undelivered":
                undelivered = message
                driven.tell(do="screen")
            case "screen":
                screen = message["text"]
                driven.close()
    assert undelivered["reason"] == "not_taken"
    assert "1. Allow once" in screen
    assert "allowed" not in screen


def test_keys_that_were_never_pressed_answer_no_question_of_the_next_turn(folder: Path) -> None:
    times = {"patience_s": (0.2,), "busy_s": 0.5}
    driven = Driven(folder, QUESTION, prompt_hook="BeforeAgent", **times)
    screen = ""
    for message in driven.messages():
        match message["type"]:
            case "ready":
                driven.tell(do="keys", keys=["Enter"], when="Allow once")
                driven.tell(do="prompt", id=1, text="do it")
            case "undelivered":
                driven.tell(do="screen")
            case "screen":
                screen = message["text"]
                driven.close()
    assert "1. Allow once" in screen
    assert "allowed" not in screen


# Looks idle until it is told to work, and again when it is told to stop.
SLOW = """
print("box>", flush=True)
for sign in ("working", "box>"):
    with open("told") as told:
        told.read()
    print("\\033[2J\\033[H" + sign, flush=True)
input()
"""


def test_a_ui_that_seemed_idle_is_not_at_rest(folder: Path) -> None:
    os.mkfifo(folder / "told")
    driven = Driven(folder, SLOW, settle_ms=50, rest_s=1.5)
    heard = []
    for message in driven.messages():
        heard.append(message["type"])
        match message["type"]:
            case "ready":
                driven.tell(do="answer", id=0, body={})
            case "settled" if heard.count("settled") == 1:
                (folder / "told").write_text("work")
                time.sleep(2)  # it is looked at again after 1.5 seconds
                (folder / "told").write_text("stop")
            case "rested":
                driven.close()
    assert heard == ["started", "ready", "settled", "settled", "rested", "exited"]


# Two dialogs, one after the other, like those of Gemini CLI.
DIALOGS = """
print("box>", flush=True)
with open("told") as told:
    told.read()
above = ""
for name in ("one.txt", "two.txt"):
    box = f"│ ? Shell  run it\\n│ touch\\n│ {name} │\\n│ 1. Allow once"
    print("\\033[2J\\033[H" + above + box, flush=True)
    above += f"│ o {name}: {input()}\\n"
print("\\033[2J\\033[H" + above + "over", flush=True)
input()
"""


def test_each_key_goes_to_the_dialog_that_shows_its_question(folder: Path) -> None:
    os.mkfifo(folder / "told")
    driven = Driven(folder, DIALOGS)
    messages = driven.messages()
    until("ready", messages)
    driven.ask(
        {"when": r"1\. Allow once", "since": r"^│ \? "},
        *({"keys": [n, "Enter"], "shows": [f"touch {n}.txt"]} for n in ("two", "one")),
    )
    screen = driven.screen_with("over", messages)
    driven.leave(messages)
    assert "o one.txt: one" in screen
    assert "o two.txt: two" in screen


# Shows its question before it listens to keys.
DEAF = """
import termios, time
print("box>", flush=True)
with open("told") as told:
    told.read()
print("\\033[2J\\033[H1. Allow once", flush=True)
with open("heard") as heard:
    heard.read()
termios.tcflush(0, termios.TCIFLUSH)
print("\\nallowed" + input(), flush=True)
input()
"""


def test_a_key_is_pressed_again_while_its_dialog_stays(folder: Path) -> None:
    os.mkfifo(folder / "told")
    os.mkfifo(folder / "heard")
    driven = Driven(folder, DEAF)
    messages = driven.messages()
    until("ready", messages)
    driven.ask({"when": r"1\. Allow once", "keys": ["1", "Enter"]}, {})
    driven.screen_with("\n1\n", messages)
    (folder / "heard").write_text("go on")
    screen = driven.screen_with("allowed", messages)
    driven.leave(messages)
    assert "allowed1" in screen


# Refuses everything with its first dialog.
CANCELLED = """
print("box>", flush=True)
with open("told") as told:
    told.read()
print("\\033[2J\\033[H1. Allow once: one", flush=True)
input()
print("\\033[2J\\033[Hbox>", flush=True)
input()
"""


def test_a_key_whose_dialog_never_comes_does_not_keep_the_ui_from_settling(folder: Path) -> None:
    os.mkfifo(folder / "told")
    driven = Driven(folder, CANCELLED)
    heard = []
    for message in driven.messages():
        heard.append(message["type"])
        match message["type"]:
            case "ready":
                whens = (rf"1\. Allow once: {name}" for name in ("two", "one"))
                driven.ask({"keys": ["Enter"]}, *({"when": when} for when in whens))
            case "settled":
                driven.close()
    assert heard == ["started", "ready", "settled", "exited"]
