"""A table that tells a cursor moved by hand from one that moved because rows came and went."""

from __future__ import annotations

from typing import Any

from textual.message import Message
from textual.widgets import DataTable


class Chooser(DataTable[Any]):
    """Posts `Chosen` for each key that moves the cursor, also where it cannot move further.

    While nothing is chosen, the first such key chooses the row that the cursor is on.
    """

    nothing_chosen = True

    class Chosen(Message):
        """The row with `key` is under the cursor, and somebody has put it there."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def action_cursor_up(self) -> None:
        """Up."""
        if not self.nothing_chosen:
            super().action_cursor_up()
        self._choose()

    def action_cursor_down(self) -> None:
        """Down."""
        if not self.nothing_chosen:
            super().action_cursor_down()
        self._choose()

    def _choose(self) -> None:
        if self.row_count:
            self.nothing_chosen = False
            key = self.coordinate_to_cell_key(self.cursor_coordinate).row_key
            self.post_message(self.Chosen(str(key.value)))
