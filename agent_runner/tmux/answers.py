"""The keys that answer a UI's questions, each pressed in the dialog of its own question.

A command `keys` (`decoding.terminal`) says what to press, what its dialog reads, and what those
of the other open questions read.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any, Protocol

PRESSED_S = 1.0


class Ui(Protocol):
    """What answers need of the driver, which describes these."""

    def idle(self, which: str = "idle") -> bool: ...  # noqa: D102
    def screen(self) -> str: ...  # noqa: D102
    def press(self, keys: list[str]) -> None: ...  # noqa: D102
    def touch(self) -> None: ...  # noqa: D102


class Answers:
    """Those that wait for their dialog, and the one that was pressed last."""

    def __init__(self, ui: Ui) -> None:
        self._ui = ui
        self._waiting: list[dict[str, Any]] = []
        self._pressed: tuple[dict[str, Any], str, float] | None = None

    def add(self, command: dict[str, Any]) -> None:
        """Press its keys once its dialog is shown."""
        self._waiting.append(command)

    def forget(self) -> None:
        """Press nothing more: the turn that asked is over."""
        self._waiting.clear()
        self._pressed = None

    def press(self) -> None:
        """Press what answers the dialog that is shown; again while it stays, for it may be deaf."""
        if not self._waiting and self._pressed is None:
            return
        screen = self._ui.screen()
        if self._pressed is not None:
            wanted, shown, at = self._pressed
            if _dialog(screen, wanted) == shown:
                # Where another question reads alike, it may be that one's dialog by now.
                alike = _alike(wanted, shown, self._waiting)
                if time.monotonic() - at >= PRESSED_S and not alike:
                    self._press(wanted, shown)
                return
            self._pressed = None
        # Of `ls` and `rm -rf tools` both fit the dialog of the second: what says most is meant.
        for wanted in sorted(self._waiting, key=_weight, reverse=True):
            shown = _dialog(screen, wanted)
            if shown:
                self._waiting.remove(wanted)
                self._press(wanted, shown)
                return
        if self._waiting and not self._ui.idle("ready"):
            self._ui.touch()

    def _press(self, wanted: dict[str, Any], shown: str) -> None:
        self._ui.touch()
        self._pressed = (wanted, shown, time.monotonic())
        self._ui.press(wanted["keys"])


def _dialog(screen: str, wanted: dict[str, Any]) -> str:
    """The question on the screen that the keys of `wanted` answer; empty if it is not there."""
    since = re.compile(wanted.get("since") or r"\A", re.MULTILINE)
    begins = max((found.start() for found in since.finditer(screen)), default=0)
    asks = re.compile(wanted["when"], re.MULTILINE).search(screen, begins)
    if asks is None:
        return ""
    shown = screen[begins : asks.end()]
    shows = wanted.get("shows", ())
    if not _fits(shown, shows):
        return ""
    for other in wanted.get("others", ()):
        nearer = _is_in(shown, other) > _is_in(shown, shows)
        if _fits(shown, other) and (nearer or _size(other) > _size(shows)):
            return ""
    return shown


def _alike(wanted: dict[str, Any], shown: str, keys: list[dict[str, Any]]) -> bool:
    """True if `shown` may be the dialog of another question than that of `wanted`."""
    waiting = [key.get("shows", ()) for key in keys]
    return any(other and _fits(shown, other) for other in (*waiting, *wanted.get("others", ())))


def _fits(shown: str, texts: Sequence[str]) -> bool:
    """True if each of the texts may be what the dialog shows."""
    letters, signs = _letters(shown), _signs(shown)
    return all(
        _letters(text) in letters if _letters(text) else _signs(text) in signs for text in texts
    )


def _is_in(shown: str, texts: Sequence[str]) -> bool:
    """True if each of the texts is in the dialog sign by sign."""
    signs = _signs(shown)
    return all(_signs(text) in signs for text in texts)


def _weight(wanted: dict[str, Any]) -> int:
    return _size(wanted.get("shows", ()))


def _size(texts: Sequence[str]) -> int:
    """How much the texts say, together."""
    return sum(len(_signs(text)) for text in texts)


def _letters(text: str) -> str:
    """`text` without what depends on frames and on where a line is wrapped."""
    return re.sub(r"[\W_]+", "", text)


def _signs(text: str) -> str:
    """`text` without white space and frames."""
    return re.sub(r"[\s\u2500-\u259f]+", "", text)
