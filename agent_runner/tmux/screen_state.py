"""What is seen of a UI that tells nothing: whether it moves, and whether it waits for a prompt.

Standard library only: the driver starts without site packages.
"""

from __future__ import annotations

import re

from agent_runner.tmux.pane import Look, Pane

MOST_CHARACTERS = 500_000
"""Of a history that is sent; escaped in JSON still less than the longest line that is read."""


class ScreenState:
    """Looks at one pane; `prompt_line` matches its last line when it waits for a prompt."""

    def __init__(self, pane: Pane, prompt_line: str) -> None:
        self._pane = pane
        self._prompt_line = re.compile(prompt_line)
        self._last: Look | None = None
        self._before: Look | None = None
        self._text_before: str | None = None

    def changed(self) -> bool:
        """Look; True if it is not what was seen the last time."""
        last, self._last = self._last, self._pane.look()
        return self._last != last

    def waits(self) -> bool:
        """True if what was seen last ends in the line that waits for a prompt.

        Not while nothing is new since a prompt was submitted: it may end like such a line.
        """
        if self._last is None:
            return False
        lines = [line for line in self._last.text.split("\n") if line.strip()]
        if not lines or self._prompt_line.search(lines[-1]) is None:
            return False
        # With the history: the submit key alone may have scrolled the screen.
        return self._text_before is None or self.all()[0] != self._text_before

    def forget_old(self) -> None:
        """Let the history begin with what the screen shows now."""
        self._pane.clear_history()

    def remember(self) -> str:
        """A prompt is about to be submitted; all there is to be seen until then."""
        self._before = self._last = self._pane.look()
        self._text_before = self.all()[0]
        return self._text_before

    def forget_prompt(self) -> None:
        """What was submitted is no longer waited for."""
        self._text_before = None

    def moved(self) -> bool:
        """True if anything has changed since `remember`, be it where the cursor stands."""
        self.changed()
        return self._last != self._before

    def all(self) -> tuple[str, bool]:
        """Screen and history; True with it if there was more and its beginning is gone."""
        text = self._pane.all_text().rstrip("\n")
        # A full history loses a tenth of its lines at once.
        cut = self._pane.look().history >= self._pane.history_limit * 9 // 10
        return text[-MOST_CHARACTERS:], cut or len(text) > MOST_CHARACTERS
