"""What the terminal driver must know of Gemini CLI's own UI. Recorded: 0.61.0.

Hooks are commands only, so each passes through a small program to the driver. They are in an
extension of the user's, whose command does nothing unless the driver has set HOOK: the CLI reads
the system's settings, which an environment variable can name, only from files and folders that
are root's (seen). The prompt goes by the external editor (ctrl+g). Permission questions are
answered by key.
"""

from __future__ import annotations

from typing import Any

from agent_runner import quoting
from agent_runner.agents.gemini.session_log import ADDED
from agent_runner.decoding.terminal import Dialog, Profile, Refusal, Seed, Wait

HOMES = ("{GEMINI_CLI_HOME}/.gemini", "~/.gemini")
EXTENSION = "agent-runner"
HOOK = "AGENT_RUNNER_HOOK"
HOOKS = ("SessionStart", "BeforeAgent", "AfterAgent", "BeforeTool", "Notification")
_HOOK_MS = 60_000

# It offers to go on with another model when its own is not there, used up or overloaded.
_OTHER_MODEL = (
    r"^│ +(?:● )?\d\. (?:Keep trying|Switch to \S+|Upgrade .*?) +│\n(?:│.*│\n)*?"
    r"│ +(?:● )?(\d)\. Stop +│"
)

_BOX = "Type your message"
_BUSY = r"esc to cancel|Executing Hook|\bAllow once\b"


def profile(resume: str | None) -> Profile:
    """The UI, going on with session `resume` or not."""
    hook = {"type": "command", "command": f'eval "${HOOK}"', "timeout": _HOOK_MS}
    hooks = {name: [{"hooks": [hook]}] for name in HOOKS}
    ready = Wait(screen=_BOX, absent=_BUSY)
    idle = Wait(screen=r"^\s*>\s", absent=_BUSY)
    return Profile(
        home=list(HOMES),
        ready=ready,
        idle=idle,
        seeds=[
            _of_extension("gemini-extension.json", {"name": EXTENSION, "version": "1.0.0"}),
            _of_extension("hooks/hooks.json", {"hooks": hooks}),
        ],
        prompt_hook="BeforeAgent",
        ready_hook="SessionStart",
        transcript="{home}/tmp/*/chats/session-*-" + resume[:8] + ".jsonl" if resume else "",
        transcript_field="transcript_path",
        transcript_types=("user", "gemini", "info", "error", "warning"),
        editor=["C-g"],
        adds="|".join(map(quoting.regex, ADDED)),
        env={HOOK: "{command}"},
        dialogs=[Dialog(pattern=r"Do you trust", keys=["Enter"])],
        turn_dialogs=[Dialog(pattern=_OTHER_MODEL, keys=["{1}"])],
        refusals=[
            Refusal(
                pattern=r"\A\s*[/?]",
                why="Gemini CLI's UI takes a prompt that begins with / or ? for a command",
                hint="begin with another character, or run it headless",
            ),
            Refusal(
                pattern="[\x00-\x08\x0b-\x1f\x7f-\x9f]",
                why="Gemini CLI's UI drops control characters",
                hint="run it headless",
            ),
            Refusal(pattern=r"\A\s*\Z", why="Gemini CLI's UI takes no empty prompt"),
        ],
    )


def _of_extension(name: str, values: dict[str, Any]) -> Seed:
    return Seed(file=[f"{home}/extensions/{EXTENSION}/{name}" for home in HOMES], values=values)
