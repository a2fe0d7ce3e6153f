"""What is asked of the one who decides: a reason, another input, a choice, answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList, SelectionList, TextArea
from textual.widgets.option_list import Option

from agent_runner.tui.words import words


class _Dialog(ModalScreen[Any]):
    """A box over the panels; Escape closes it without a result."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back")]
    DEFAULT_CSS = """
    _Dialog { align: center middle; }
    _Dialog > Vertical {
        width: 80%; height: auto; max-height: 90%;
        border: thick $accent; background: $surface; padding: 1 2;
    }
    _Dialog TextArea { height: 16; }
    """


class ReasonDialog(_Dialog):
    """One line of text; its result is the text, maybe empty."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title

    def compose(self) -> ComposeResult:
        """See textual."""
        with Vertical():
            yield Label(words(self._title))
            yield Input(placeholder="why (may be left empty), Enter sends, Escape goes back")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter."""
        self.dismiss(event.value)


class InputDialog(_Dialog):
    """The tool's input as JSON, to be changed; its result is the object."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back"),
        Binding("ctrl+s", "send", "Approve with this input", priority=True),
    ]

    def __init__(self, given: dict[str, Any]) -> None:
        super().__init__()
        self._given = given

    def compose(self) -> ComposeResult:
        """See textual."""
        # Escaped, so that nothing in it acts on the terminal and all of it can be sent back.
        text = json.dumps(self._given, indent=2, ensure_ascii=True)
        with Vertical():
            yield Label("What the tool is to run with. Ctrl+S approves, Escape goes back.")
            yield TextArea(text)
            yield Label("", id="wrong")

    def action_send(self) -> None:
        """Ctrl+S."""
        try:
            value = json.loads(self.query_one(TextArea).text)
        except json.JSONDecodeError as error:
            self.query_one("#wrong", Label).update(words(f"no JSON: {error}", "red"))
            return
        if not isinstance(value, dict):
            self.query_one("#wrong", Label).update(words("no JSON object", "red"))
            return
        self.dismiss(value)


class ChoiceDialog(_Dialog):
    """A list to choose from; its result is the id."""

    def __init__(self, title: str, choices: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._title = title
        self._choices = choices

    def compose(self) -> ComposeResult:
        """See textual."""
        with Vertical():
            yield Label(words(self._title))
            # Ids of widgets are bound to a form that those of a tool need not have.
            yield OptionList(*(Option(words(name)) for _, name in self._choices))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter."""
        self.dismiss(self._choices[event.option_index][0])


class SeveralDialog(_Dialog):
    """A list to choose some from; its result is the list of them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back"),
        Binding("ctrl+s", "send", "Answer with these", priority=True),
    ]

    def __init__(self, title: str, labels: Sequence[str]) -> None:
        super().__init__()
        self._title = title
        self._labels = labels

    def compose(self) -> ComposeResult:
        """See textual."""
        with Vertical():
            yield Label(words(f"{self._title} (Space chooses, Ctrl+S answers)"))
            choices = ((words(label), index) for index, label in enumerate(self._labels))
            yield SelectionList[int](*choices)

    def action_send(self) -> None:
        """Ctrl+S."""
        chosen = self.query_one(SelectionList).selected
        if chosen:
            self.dismiss([self._labels[index] for index in sorted(chosen)])
