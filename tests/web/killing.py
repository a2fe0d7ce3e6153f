"""A service that is killed in the middle of an answer, with the page open."""

from __future__ import annotations

import random
import signal
from pathlib import Path

from playwright.sync_api import Page

from tests.conftest import Service
from tests.web.shown import say, shown

AWAY = (
    "ERR_(CONNECTION_(REFUSED|RESET)|EMPTY_RESPONSE"
    "|INCOMPLETE_CHUNKED_ENCODING|CONTENT_LENGTH_MISMATCH)|status of 503"
)
"""What a browser's console says of a service that is not there."""


def kill_in_the_middle(page: Page, service: Service, folder: Path, seed: int) -> None:
    """Send a prompt, kill the service at some moment of the answer, and let it come back.

    A run that had not begun begins then, and ends.
    """
    gate = folder / f"gate{seed}"
    moment = random.Random(seed)
    before = len(shown(page))
    words = [f"word {seed}.{n} " for n in range(40)]
    script = [
        {"text": f"It begins, {seed}.", "deltas": 5},
        {"tool": "Bash", "input": {"command": f"echo {seed}"}, "output": str(seed)},
        {"streamed": words, "then_wait": str(gate)},
    ]
    say(page, script)
    page.wait_for_timeout(moment.uniform(0, 250))
    if moment.random() < 0.5:
        page.wait_for_function(
            "(n) => document.querySelectorAll('[data-run]').length > n", arg=before
        )
    service.restart(signal.SIGKILL)
    gate.touch()
