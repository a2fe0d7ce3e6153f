"""The table of failure wordings in `runbooks/errors.md`, written by

python -m tests.agents.wordings_table

after a wording or a hint was changed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from agent_runner.agents.registry import INSTALLED, adapter_for
from agent_runner.agents.resets import reset_time
from agent_runner.agents.wordings.row import Wording
from agent_runner.agents.wordings.table import WORDINGS
from agent_runner.runs.hints import HINTS
from conversation_store.codes import FailureCode

FILE = Path(__file__).parent.parent.parent / "runbooks" / "errors.md"
BEGIN = "<!-- wordings: python -m tests.agents.wordings_table -->\n"
END = "<!-- end of wordings -->\n"
NOW = datetime(2025, 11, 20, 12, tzinfo=UTC)
"""A time before those in the examples."""


def table() -> str:
    """A row for each wording, by CLI."""
    lines = ["| CLI | It says | HTTP | Code | What to do | Reset |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {cli} | {_cell(wording.said)} | {wording.status or '-'} | {wording.code} "
        f"| {_cell(_hint(cli, wording))} | {_reset(wording)} |"
        for cli, wordings in WORDINGS.items()
        for wording in wordings
    ]
    return "\n".join(lines) + "\n"


def written(text: str) -> str:
    """The runbook with the table as it is now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


def _hint(cli: str, wording: Wording) -> str:
    if wording.hint is None and cli in INSTALLED and wording.code is FailureCode.AUTH_REQUIRED:
        return adapter_for(cli).login_hint
    return wording.hint or HINTS[wording.code]


def _reset(wording: Wording) -> str:
    moment = reset_time(wording.said, NOW, UTC)
    return "-" if moment is None else "read from the words"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    FILE.write_text(written(FILE.read_text("utf-8")), "utf-8")
