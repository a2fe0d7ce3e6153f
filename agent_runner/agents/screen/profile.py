"""What the terminal driver must know of a UI of which nobody told us more than its prompt."""

from __future__ import annotations

from agent_runner.agents.screen.options import ScreenOptions, check
from agent_runner.decoding.terminal import Profile, Refusal, Wait

READY_MS = 60_000
SETTLE_MS = 800
"""For so long nothing may move beneath an answer that is taken for whole."""
LINE_BYTES = 4094
"""What a terminal hands over as one line; all after it is echoed and lost."""

_KEYS = "[\x00-\x1f\x7f-\x9f]"
_PASTED_KEYS = "[\x00-\x08\x0b-\x1f\x7f-\x9f]"


def profile(options: ScreenOptions) -> Profile:
    """The UI of a command with these options; BadRequestError `invalid_option`."""
    check(options)
    return Profile(
        home=["~"],
        ready=Wait(),
        idle=Wait(),
        prompt_line=options.prompt,
        clear=options.clear,
        submit=tuple(options.submit),
        interrupt=tuple(options.interrupt),
        trims=False,
        most_bytes=0 if options.multiline else LINE_BYTES,
        ready_ms=READY_MS,
        settle_ms=SETTLE_MS,
        refusals=[
            Refusal(
                pattern=_PASTED_KEYS if options.multiline else _KEYS,
                why="this UI would take a line end, a tab or a control character for a key",
                hint="set terminal.multiline if it takes a bracketed paste of several lines",
            ),
            Refusal(pattern=r"\A\s*\Z", why="an empty prompt does not show on the screen"),
        ],
    )
