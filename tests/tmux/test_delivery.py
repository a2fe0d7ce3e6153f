"""A prompt on its way into a UI's box."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from agent_runner.tmux.delivery import Delivery
from agent_runner.tmux.driver import Driver


class Ui:
    """A UI whose editor takes the prompt; meanwhile the run is cancelled."""

    screen_state = None

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.profile: dict[str, Any] = {
            "trims": False,
            "refusals": [],
            "most_bytes": 0,
            "editor": ["C-g"],
            "ready_ms": 1000,
            "handover_s": 1,
            "submit": ["Enter"],
            "patience_s": [0.1],
            "busy_s": 0.1,
            "clear": [],
            "paste_shown": "",
        }
        self.pressed: list[str] = []
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.delivery: Delivery | None = None

    def say(self, kind: str, **fields: Any) -> None:
        self.said.append((kind, fields))

    def idle(self, pattern: str = "idle") -> bool:
        return True

    def screen(self) -> str:
        return "do it"

    def press(self, keys: list[str]) -> None:
        self.pressed += keys
        if keys == ["C-g"]:
            assert self.delivery is not None
            self.delivery.stopped = True
            Path(self.folder, "handed").touch()
            Path(self.folder, "found").write_bytes(b"\xff")

    def wait(self, condition: Callable[[], Any], seconds: float) -> bool:
        return bool(condition())


def test_what_is_cancelled_meanwhile_is_not_submitted(tmp_path: Path) -> None:
    ui = Ui(tmp_path)
    ui.delivery = Delivery(cast("Driver", ui), 1, "do it")
    ui.delivery.run()
    assert "Enter" not in ui.pressed
    ((kind, fields),) = ui.said
    assert (kind, fields["reason"], fields["message"]) == (
        "undelivered",
        "not_taken",
        "interrupted",
    )
