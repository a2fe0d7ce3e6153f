"""Brings one prompt into a CLI's box, submits it, and has proof that it was taken as it is.

In the CLI's external editor where it has one: the editor is a script of ours that puts the
prompt's file in the place of the box's text, so nothing is typed and nothing is interpreted
(recorded: a pasted text is wrapped, its tabs become blanks, a leading `!` starts a shell).
Else by bracketed paste into a box that was cleared and read back.

A UI that tells nothing must show the whole prompt before it is submitted. It has taken it when
the screen changes after the submit key, if only in where the cursor stands.

The prompt is given once. If no receipt comes and the UI still waits, only the submit key is
pressed again; never while it shows anything else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from agent_runner.tmux.pane import Pane
from agent_runner.tmux.screen_state import ScreenState

HANDOVERS = 3
SEEN_S = 0.5
SHOWN_S = 10.0
LEAVES = 3
COVERED_S = 1.0
APART_S = 0.2
CLEARS = 50
CLEARED_S = 0.15
LEFT_OVER_S = 3.0
_NAME = "editor"
_UNTOUCHED = ("not_ready", "not_handed_over", "mismatch")
"""How a delivery ends before the submit key was pressed, or with a prompt that was blocked."""


class Ui(Protocol):
    """What a delivery needs of the driver, which describes these."""

    profile: dict[str, Any]
    folder: str
    pane: Pane
    screen_state: ScreenState | None

    def say(self, kind: str, **fields: Any) -> None: ...  # noqa: D102
    def wait(self, condition: Callable[[], Any], seconds: float) -> bool: ...  # noqa: D102
    def idle(self, which: str = "idle") -> bool: ...  # noqa: D102
    def covered(self) -> bool: ...  # noqa: D102
    def screen(self) -> str: ...  # noqa: D102
    def press(self, keys: list[str]) -> None: ...  # noqa: D102


class Delivery:
    """One prompt on its way."""

    def __init__(self, ui: Ui, number: int, text: str) -> None:
        self._ui = ui
        self.number = number
        self._trimmed = ui.profile["trims"] and text != text.rstrip()
        self._expected = text.rstrip() if ui.profile["trims"] else text
        # Behind a blank the submit key ends no word that a UI would complete or replace, and
        # does not follow a backslash, with which it would begin another line.
        self._text = f"{self._expected} " if ui.profile["trims"] else text
        self._found = 0
        self._receipt: str | None = None
        self._attempts = 0
        self._before = ""
        self._left = 0
        self._untouched = True
        self.stopped = False
        self.unready = False

    @staticmethod
    def write_editor(folder: str) -> str:
        """Write the script that the CLI takes for an editor; its path."""
        path = os.path.join(folder, _NAME)
        script = (
            "#!/bin/sh\n"
            "# Hands a prompt over: keeps what stood in the box, and puts the prompt there.\n"
            "here=${0%/*}\nfor file; do :; done\n"
            'cat "$file" > "$here/found"\n'
            '[ -e "$here/prompt" ] && cat "$here/prompt" > "$file"\n'
            'mv "$here/prompt" "$here/handed"\n'
        )
        with open(path, "w") as file:
            file.write(script)
        os.chmod(path, 0o700)
        return path

    def run(self) -> None:
        """Deliver, and say how it went."""
        if not self._ui_waits():
            self.unready = True
            return self._failed("not_ready", "the UI does not wait for a prompt")
        if self.stopped:
            return self._failed("not_taken", "interrupted")
        put = self._hand_over if self._ui.profile["editor"] else self._paste
        return self._submit() if put() else None

    def _ui_waits(self) -> bool:
        patience = self._ui.profile["ready_ms"] / 1000
        if self._ui.screen_state is not None:
            if self._ui.wait(self._ready, LEFT_OVER_S):
                return True
            # What somebody has typed there makes the line another one than the prompt.
            self._ui.press(self._ui.profile["clear"])
            return self._ui.wait(self._ready, patience)
        self._ui.wait(lambda: self._ready() or self._ui.covered(), patience)
        while not self._ui.wait(self._ready, COVERED_S):
            if not self._leave():
                return False
        return True

    def _ready(self) -> bool:
        return self.stopped or self._ui.idle("ready")

    def _leave(self) -> bool:
        """Close what covers the box of a UI that is at no work; False if that does not help."""
        if self._left == LEAVES or not self._ui.covered():
            return False
        self._press_leave()
        return True

    def _press_leave(self) -> None:
        self._left += 1
        self._ui.press(self._ui.profile["leave"])
        # Escape and a key close behind it are one key to a program.
        self._ui.wait(lambda: False, APART_S)

    # --- into the box --------------------------------------------------------------------

    def _hand_over(self) -> bool:
        prompt = os.path.join(self._ui.folder, "prompt")
        handed = os.path.join(self._ui.folder, "handed")
        _remove(handed)
        with open(prompt + ".new", "w", encoding="utf-8", errors="replace", newline="") as file:
            file.write(self._text)
        os.replace(prompt + ".new", prompt)
        for number in range(HANDOVERS):
            if number and self._ui.idle():
                self._press_leave()
            self._ui.press(self._ui.profile["editor"])
            if self._ui.wait(lambda: os.path.exists(handed), self._ui.profile["handover_s"]):
                with open(
                    os.path.join(self._ui.folder, "found"), encoding="utf-8", errors="replace"
                ) as file:
                    self._found = len(file.read().strip())
                _remove(handed)
                # A key that comes while the UI takes its screen back may be lost.
                self._ui.wait(lambda: _sign(self._text) in _packed(self._ui.screen()), SEEN_S)
                return True
        _remove(prompt)
        self._failed("not_handed_over", "the UI did not open its editor")
        return False

    def _paste(self) -> bool:
        before = self._cleared()
        if before is None:
            self._failed("not_handed_over", "the box cannot be emptied")
            return False
        if self._ui.screen_state is not None:
            self._ui.screen_state.forget_old()
        self._ui.pane.paste(self._text)
        shown = self._ui.profile["paste_shown"]
        sign = _sign(self._text)

        def there() -> bool:
            screen = self._ui.screen()
            if screen == before:
                return False
            return sign in _packed(screen) or bool(shown and re.search(shown, screen))

        if not self._ui.wait(there, SHOWN_S):
            self._failed("not_handed_over", "the pasted text does not show")
            return False
        if self._ui.screen_state is not None:
            state = self._ui.screen_state
            self._ui.wait(lambda: not state.changed(), SEEN_S)
            self._before = state.remember()
            if not _shows(self._before, before, self._text):
                self._failed("not_handed_over", "the screen does not show the prompt as it is")
                return False
        return True

    def _cleared(self) -> str | None:
        """The screen with an empty box: one that the keys for that no longer change."""
        screen = self._ui.screen()
        for _ in range(CLEARS if self._ui.profile["clear"] else 0):
            self._ui.press(self._ui.profile["clear"])
            if not self._ui.wait(partial(self._differs, screen), CLEARED_S):
                return screen
            screen = self._ui.screen()
            self._found += 1
        return None if self._ui.profile["clear"] else screen

    def _differs(self, screen: str) -> bool:
        return self._ui.screen() != screen

    # --- the receipt ---------------------------------------------------------------------

    def received(self, event: dict[str, Any]) -> dict[str, Any]:
        """The CLI tells what prompt it was given; a wrong one is not let through."""
        self._receipt = str(event.get("prompt"))
        more = self._ui.profile["adds"]
        if more and self._receipt.startswith(self._expected):
            added = re.match(more, self._receipt[len(self._expected) :])
            self._receipt = self._expected if added else self._receipt
        if self._receipt != self._expected:
            return {"decision": "block", "reason": "this is not the prompt that was sent"}
        return {}

    def _submit(self) -> None:
        for patience in self._ui.profile["patience_s"]:
            if self.stopped:
                break
            self._attempts += 1
            self._ui.press(self._ui.profile["submit"])
            if self._ui.wait(self._over, patience):
                break
            # At work on something: it may have taken the prompt and be slow to say so, or be at
            # a question, which the key would answer.
            waits = self._ui.screen_state is not None or self._ui.wait(
                lambda: self._over() or self._ui.idle(), self._ui.profile["busy_s"]
            )
            self._untouched = waits
            if self._over() or not waits:
                break
        if not self._taken():
            self._untouched = self._untouched and self._ui.screen_state is None
            return self._failed(
                "not_taken",
                "interrupted"
                if self.stopped
                else f"submitted {self._attempts} times, and never taken for a prompt",
            )
        if self._receipt is not None and self._receipt != self._expected:
            return self._failed("mismatch", _difference(self._expected, self._receipt))
        self._ui.say(
            "delivered",
            id=self.number,
            by="hook" if self._receipt is not None else "screen",
            attempts=self._attempts,
            found=self._found,
            left=self._left,
            trimmed=self._trimmed,
            **({"screen": self._before} if self._ui.screen_state is not None else {}),
        )
        return None

    def _over(self) -> bool:
        return self.stopped or self._taken()

    def _taken(self) -> bool:
        if self._receipt is not None:
            return True
        return self._ui.screen_state is not None and self._ui.screen_state.moved()

    def _failed(self, reason: str, message: str) -> None:
        self._ui.say(
            "undelivered",
            id=self.number,
            reason=reason,
            message=message,
            untouched=reason in _UNTOUCHED or (reason == "not_taken" and self._untouched),
            screen=self._ui.screen(),
        )


def _sign(text: str) -> str:
    """A piece of the text that shows on the screen, without white space."""
    return _packed(text)[-12:]


def _shows(screen: str, before: str, text: str) -> bool:
    """True if each line of `text` is on the screen once more than before.

    Frames do not count, nor where a line is wrapped.
    """
    now, then = _bare(screen), _bare(before)
    lines = [_bare(line) for line in text.split("\n")]
    return all(now.count(line) > then.count(line) for line in lines if line)


def _bare(text: str) -> str:
    return re.sub(r"[\s\u2500-\u257f]", "", text)


def _packed(text: str) -> str:
    return "".join(text.split())


def _difference(sent: str, got: str) -> str:
    at = next((n for n, (a, b) in enumerate(zip(sent, got, strict=False)) if a != b), None)
    at = min(len(sent), len(got)) if at is None else at
    return (
        f"sent {len(sent)} characters, taken {len(got)}; they differ from character {at} on: "
        f"{sent[at : at + 40]!r}, {got[at : at + 40]!r}"
    )


def _remove(path: str) -> None:
    if os.path.exists(path):
        os.unlink(path)
