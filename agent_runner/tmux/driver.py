"""The program between the service and one CLI's own UI in tmux.

Started as `python -I -S driver.py SETUP.json` in the place of a headless CLI, so that its
keeper answers for tmux, for the CLI and for all that they start. `decoding.terminal` says what
it reads and writes. It knows no CLI: what is particular to one is in the setup's profile.
Standard library only: it starts without site packages.
"""

from __future__ import annotations

import glob
import json
import os
import re
import select
import selectors
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any

sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))))

from agent_runner import quoting
from agent_runner.process.proc import stat_fields
from agent_runner.tmux import first_start as seeds
from agent_runner.tmux.answers import Answers
from agent_runner.tmux.delivery import Delivery
from agent_runner.tmux.hooks import Hooks
from agent_runner.tmux.pane import SESSION, SOCKET, Pane, TmuxError
from agent_runner.tmux.placeholders import Placeholders
from agent_runner.tmux.screen_state import ScreenState
from agent_runner.tmux.sidecar import Sidecar
from agent_runner.tmux.tail import Tail

HASTE_POLL_S = 0.005
HASTE_S = 1.0
POLL_S = 0.02
CALM_POLL_S = 0.2
SIGHT_POLL_S = 0.05
CHANGED_S = 1.0
AGAIN_S = 1.2
INTERRUPTS = 5
STARTS = 5
DEAD_S = 2.0
LEAVE_S = 4.0
URL_FILE = "hook-url"


class Ended(Exception):  # noqa: N818 - it is no error
    """There is nothing left to drive."""


class Driver:
    """The state of one UI, and the loop that serves it."""

    def __init__(self, setup: dict[str, Any]) -> None:
        self.setup = setup
        self.profile: dict[str, Any] = setup["profile"]
        self.folder: str = setup["folder"]
        self.names = Placeholders(
            os.environ, folder=self.folder, cwd=os.path.realpath(setup["cwd"])
        )
        self.names.set("home", self.names.place(self.profile["home"]))
        self.selector = selectors.DefaultSelector()
        self.pane = Pane(setup["tmux"], self.folder)
        self.hooks = Hooks(self.selector, self._hooked, self._hook_gone)
        prompt_line = self.profile["prompt_line"]
        self.screen_state = ScreenState(self.pane, prompt_line) if prompt_line else None
        self.tail: Tail | None = None
        self.sidecar: Sidecar | None = None
        self.delivery: Delivery | None = None
        self._prompts: deque[dict[str, Any]] = deque()
        self._hooks_heard: set[str] = set()
        self._unread = b""
        self._ended = ""
        self._cli: int | None = None
        self._touched = time.monotonic()
        self._settled: float | None = self._touched
        self._rested = True
        self._dismissed = ""
        self._ending = False
        self._changed = 0.0
        self._interrupts: list[float] = []
        self._answers = Answers(self)

    # --- its life ------------------------------------------------------------------------

    def run(self) -> int:
        """Start the UI and serve it until it or the service is gone; the exit code.

        That is the CLI's own, 128 and its number for a signal.
        """
        try:
            self._start()
        except (OSError, TmuxError) as error:
            self.say("failed", error=str(error))
            self.pane.kill_server()
            return 1
        try:
            self._until_ready()
            self.say("ready")
            while True:
                if self._prompts:
                    self._deliver(self._prompts.popleft())
                self.pump()
        except Ended:
            pass
        return self._end()

    def _start(self) -> None:
        for seed in self.profile["seeds"]:
            values = self.names.fill_all(seed["values"])
            seeds.plant(self.names.place(seed["file"]), values)
        self.names.set("url", self.hooks.url)
        passing = os.path.join(os.path.dirname(os.path.realpath(__file__)), "pass_hook.py")
        secret = _write_private(os.path.join(self.folder, URL_FILE), self.hooks.url)
        words = [sys.executable, "-I", "-S", passing, secret]
        self.names.set("command", quoting.shell(words))
        for place, text in self.profile["hook_files"].items():
            _write_private(self.names.place([place]), fill_known(text, self.names))
        if self.profile["transcript"]:
            found = glob.glob(self.names.fill(self.profile["transcript"], quoting.glob) or "")
            if found:
                self._follow(found[0], old=True)
        editor = Delivery.write_editor(self.folder)
        if not quoting.is_plain(editor):
            editor = self._plain(editor)
        more = {name: self.names.fill(value) or "" for name, value in self.profile["env"].items()}
        pid = self.pane.start(
            self.setup["argv"],
            self.setup["cwd"],
            {"EDITOR": editor, "VISUAL": editor, **more},
            size=(self.setup["columns"], self.setup["rows"]),
            history=self.setup["history"],
        )
        self.names.set("pid", str(pid))
        self._watch(self.pane.server_pid(), "server")
        self._cli = self._watch(pid, "cli")
        os.set_blocking(0, False)
        self.selector.register(0, selectors.EVENT_READ, self._read_commands)
        self.say("started", socket=os.path.join(self.folder, SOCKET), session=SESSION, pid=pid)

    def _plain(self, path: str) -> str:
        """Another path of a file in the private folder: a CLI may split EDITOR or run a shell."""
        folder = os.open(self.folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        return f"/proc/{os.getpid()}/fd/{folder}/{os.path.basename(path)}"

    def _watch(self, pid: int, what: str) -> int | None:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            self._ended = self._ended or what
            return None
        self.selector.register(descriptor, selectors.EVENT_READ, lambda: self._gone(what))
        return descriptor

    def _gone(self, what: str) -> None:
        self._ended = self._ended or what
        raise Ended

    def _end(self) -> int:
        code = signal = None
        screen = ""
        if self._ended == "cli":
            self._read_transcript()
            try:
                deadline = time.monotonic() + DEAD_S
                ended = _zombie(int(self.names.fill("{pid}") or 0))
                while ended is None and time.monotonic() < deadline:
                    ended = self.pane.status() if self.pane.dead() else None
                    time.sleep(POLL_S)
                screen = self._last_screen()
                code, signal = ended or (1, None)
            except TmuxError:
                self._ended = "server"
        if self.delivery is not None:
            self.say(
                "undelivered",
                id=self.delivery.number,
                reason="exited",
                message="the CLI ended before it had taken the prompt",
                screen=screen,
            )
        self.say("exited", what=self._ended or "closed", status=code, signal=signal, screen=screen)
        self.pane.kill_server()
        if self._cli is not None:
            # It saves its session when its terminal goes; another process may resume that.
            select.select([self._cli], [], [], LEAVE_S)
        if self._ended == "server":
            return 1
        return 128 + signal if signal else code or 0

    def _last_screen(self) -> str:
        """What the program left on the screen."""
        return "\n".join(line for line in self.pane.screen().split("\n") if line.strip())

    # --- the loop ------------------------------------------------------------------------

    def say(self, kind: str, **fields: Any) -> None:
        """One line to the service; Ended if it is gone."""
        data = json.dumps({"type": kind, **fields}).encode() + b"\n"
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(1, view) :]
        except OSError as error:
            raise Ended from error

    def pump(self, wait: float | None = None) -> None:
        """Serve what has come, or wait for it a moment. Ended when the UI is gone."""
        if self._ended:
            raise Ended
        for key, _ in self.selector.select(self._poll() if wait is None else wait):
            key.data()
        self._read_transcript()
        self._answers.press()
        if self.delivery is None:
            self._look()

    def _poll(self) -> float:
        """Seconds to wait for something new: few just after the last, for more will follow."""
        if self.delivery is None and self._settled is not None:
            return CALM_POLL_S
        if self.screen_state is not None:
            return SIGHT_POLL_S
        return HASTE_POLL_S if time.monotonic() - self._touched < HASTE_S else POLL_S

    def wait(self, condition: Callable[[], Any], seconds: float) -> bool:
        """Serve until `condition` holds; False if it does not within `seconds`."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() >= deadline:
                return False
            self.pump()
        return True

    def idle(self, which: str = "idle") -> bool:
        """True if the UI shows that it waits for a prompt."""
        if self.screen_state is not None:
            self._see(self.screen_state)
            try:
                return self._quiet() and self.screen_state.waits()
            except TmuxError as error:
                raise Ended from error
        hook = self.profile["ready_hook"]
        if which == "ready" and hook and hook not in self._hooks_heard:
            return False
        signs = self.profile[which]
        if signs["file"]:
            return bool(self._told_in_file(signs) == signs["value"]) and (
                not signs["screen"] or self._sign_on_screen(signs)
            )
        return self._sign_on_screen(signs)

    def covered(self) -> bool:
        """True if the UI is at no work and shows something else than its box."""
        signs = self.profile["ready"]
        if self.screen_state is not None or self.idle("ready"):
            return False
        if signs["file"]:
            return bool(self._told_in_file(signs) != signs["busy"])
        hook, busy = self.profile["ready_hook"], signs["absent"]
        return hook in ("", *self._hooks_heard) and not (
            busy and re.search(busy, self.screen(), re.MULTILINE)
        )

    def _told_in_file(self, signs: dict[str, str]) -> Any:
        try:
            with open(self.names.fill(signs["file"]) or "") as file:
                return json.load(file).get(signs["field"])
        except (OSError, ValueError, AttributeError):
            return None

    def _sign_on_screen(self, signs: dict[str, str]) -> bool:
        screen = self.screen()
        if signs["absent"] and re.search(signs["absent"], screen, re.MULTILINE):
            return False
        return re.search(signs["screen"], screen, re.MULTILINE) is not None

    def screen(self) -> str:
        """What the pane shows; Ended if tmux is gone."""
        try:
            return self.pane.screen()
        except TmuxError as error:
            raise Ended from error

    def press(self, keys: list[str]) -> None:
        """Press keys; Ended if tmux is gone."""
        try:
            self.pane.keys(keys)
        except TmuxError as error:
            raise Ended from error

    def _see(self, state: ScreenState) -> None:
        try:
            changed = state.changed()
        except TmuxError as error:
            raise Ended from error
        if changed:
            self.touch()
            if self._touched - self._changed >= CHANGED_S:
                self._changed = self._touched
                self.say("changed")

    def _quiet(self) -> bool:
        return bool(time.monotonic() - self._touched >= self.profile["settle_ms"] / 1000)

    def _until_ready(self) -> None:
        deadline = time.monotonic() + self.profile["ready_ms"] / 1000
        answered: dict[str, list[float]] = {}
        while not self.idle("ready"):
            screen = self.screen()
            for dialog in self.profile["dialogs"]:
                pressed = answered.setdefault(dialog["pattern"], [])
                if _may_press(pressed) and re.search(dialog["pattern"], screen):
                    pressed.append(time.monotonic())
                    self.press(dialog["keys"])
            if time.monotonic() > deadline:
                self._give_up(screen)
            self.pump()

    def _give_up(self, screen: str) -> None:
        """A UI that does not come to its prompt is of no use to anybody."""
        self.say("not_ready", screen=screen)
        self._ended = "closed"
        raise Ended

    def _look(self) -> None:
        """Say so when the UI has come to rest."""
        if self._ending and self.idle():
            self._ending = False
            self._read_transcript()
            self.say("idle")
        if self._settled is None and self.screen_state is not None:
            self._see(self.screen_state)
        if self._settled is not None:
            self._rest(self._settled)
            return
        if not self._quiet() or not self.idle():
            self._interrupt_again()
            return
        if self._dismiss():
            return
        self._settled = time.monotonic()
        self._interrupts = []
        if self.screen_state is None:
            self._read_sidecar()
            self.say("settled", screen=self.screen())
            return
        try:
            screen, cut = self.screen_state.all()
        except TmuxError as error:
            raise Ended from error
        self.say("settled", screen=screen, cut=cut)

    def _rest(self, since: float) -> None:
        """Say so when the UI is idle a good while later; it may have settled too early."""
        if self._rested or time.monotonic() - since < self.profile["rest_s"]:
            return
        if self.idle():
            self._rested = True
            self.say("rested", screen=self.screen())
        else:
            self._settled = None

    def _dismiss(self) -> bool:
        """Answer the dialog that the turn has come to, once; True if there is one."""
        screen = self.screen() if self.profile["turn_dialogs"] else ""
        for dialog in self.profile["turn_dialogs"] if screen != self._dismissed else []:
            found = re.search(dialog["pattern"], screen, re.MULTILINE)
            if found is not None:
                self._dismissed = screen
                self.say("dismissed", screen=screen)
                self.press([found.expand(key.replace("{1}", r"\1")) for key in dialog["keys"]])
                self.touch()
                return True
        return False

    def touch(self) -> None:
        """Something happens in the UI."""
        self._touched = time.monotonic()
        self._settled = None
        self._rested = self.screen_state is not None

    # --- from the CLI ----------------------------------------------------------------------

    def _hooked(self, number: int, event: dict[str, Any]) -> dict[str, Any] | None:
        self.touch()
        name = str(event.get("hook_event_name"))
        self._hooks_heard.add(name)
        self._ending = name == self.profile["end_hook"]
        path = event.get(self.profile["transcript_field"] or "-")
        if isinstance(path, str) and (self.tail is None or self.tail.path != path):
            self._follow(path)
        self._read_sidecar()
        self._read_transcript()
        held = name in self.profile["held"]
        self.say("hook", id=number, event=event, held=held)
        if self.delivery is not None and name == self.profile["prompt_hook"]:
            return self.delivery.received(event)
        return None if held else {}

    def _hook_gone(self, number: int) -> None:
        self.touch()
        self.say("hook_gone", id=number)

    def _follow(self, transcript: str, *, old: bool = False) -> None:
        self.tail = Tail(transcript, old=old)
        if self.profile["sidecar"]:
            fields = tuple(self.profile["sidecar_fields"])
            self.sidecar = Sidecar(transcript, self.profile["sidecar"], fields)

    def _read_sidecar(self) -> None:
        data = self.sidecar.read() if self.sidecar is not None else None
        if data is not None:
            self.say("sidecar", data=data)

    def _read_transcript(self) -> None:
        if self.tail is None or not self.tail.changed():
            return
        entries = self.tail.read()
        self._read_sidecar()
        for entry in entries:
            self.touch()
            types = self.profile["transcript_types"]
            if isinstance(entry, str):
                self.say("bad_line", text=entry)
            elif not types or entry.get("type") in types:
                self.say("line", line=entry)

    # --- from the service --------------------------------------------------------------------

    def _read_commands(self) -> None:
        try:
            data = os.read(0, 1 << 20)
        except BlockingIOError:
            return
        if not data:
            self._ended = "closed"
            raise Ended
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))

    def _obey(self, command: dict[str, Any]) -> None:
        match command["do"]:
            case "prompt":
                self._prompts.append(command)
            case "answer":
                self.touch()
                self.hooks.answer(command["id"], command["body"])
            case "keys":
                self._answers.add(command)
            case "interrupt":
                self._interrupt()
            case "screen":
                self.say("screen", text=self.screen())

    def _deliver(self, command: dict[str, Any]) -> None:
        # Those of the turn before would interrupt this one, or answer its questions.
        self._interrupts = []
        self._answers.forget()
        self.delivery = Delivery(self, command["id"], command["text"])
        try:
            self.delivery.run()
        except TmuxError as error:
            raise Ended from error
        unready, self.delivery = self.delivery.unready, None
        self.touch()
        if unready:
            self._give_up(self.screen())

    def _interrupt(self) -> None:
        self.touch()
        self._prompts.clear()
        self._answers.forget()
        if self.delivery is not None:
            self.delivery.stopped = True
        if self.screen_state is not None:
            self.screen_state.forget_prompt()
        self._interrupts.append(time.monotonic())
        self.press(self.profile["interrupt"])

    def _interrupt_again(self) -> None:
        """Press the keys once more if the UI is still at work: it may have been deaf."""
        last = self._interrupts[-1] if self._interrupts else None
        if last is None or time.monotonic() - last < AGAIN_S or len(self._interrupts) > INTERRUPTS:
            return
        if not self.idle():
            self._interrupts.append(time.monotonic())
            self.press(self.profile["interrupt"])


def _may_press(pressed: list[float]) -> bool:
    """True if keys that were pressed then may be pressed once more: a UI that starts loses some."""
    return not pressed or (len(pressed) < STARTS and time.monotonic() - pressed[-1] >= AGAIN_S)


def _zombie(pid: int) -> tuple[int | None, int | None] | None:
    """How a program ended that tmux has not waited for yet; 3.3a was seen never to do so."""
    try:
        fields = stat_fields(pid)
    except OSError:
        return None
    if fields[0] != "Z":
        return None
    status = int(fields[49])
    number = os.WTERMSIG(status)
    return (None, number) if number else (os.WEXITSTATUS(status), None)


def fill_known(text: str, names: Placeholders) -> str:
    """The JSON `text` with `{url}`, `{command}` and `{folder}` filled in, and `{{}` for a brace.

    Other braces are its own.
    """

    def one(found: re.Match[str]) -> str:
        return quoting.json_text(names.fill(found[0]) or "")

    return re.sub(r"\{(?:\{|url|command|folder)\}", one, text)


def _write_private(path: str, text: str) -> str:
    """Write a file that only its owner may read; its path."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w") as file:
        file.write(text)
    return path


def main() -> None:
    """Drive the UI of the setup."""
    with open(sys.argv[1], encoding="utf-8") as file:
        setup = json.load(file)
    sys.exit(Driver(setup).run())


if __name__ == "__main__":
    main()
