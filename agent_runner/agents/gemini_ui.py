"""What the terminal driver must know of Gemini CLI's own UI. Recorded: 0.61.0.

Hooks are commands only, so each passes through a small program to the driver. They are set in
the system's defaults, which no settings of the user's are lost to; the CLI skips that file
if any folder above it is open to others for writing, as /tmp is. The prompt goes by the
external editor (ctrl+g). Permission questions are answered by key.
"""

from __future__ import annotations

import json

from agent_runner.schemas.terminal import Dialog, Profile, Refusal, Wait

DEFAULTS = "gemini-defaults.json"
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
    hook = {"type": "command", "command": "{command}", "timeout": _HOOK_MS}
    settings = {"hooks": {name: [{"hooks": [hook]}] for name in HOOKS}}
    ready = Wait(screen=_BOX, absent=_BUSY)
    idle = Wait(screen=r"^\s*>\s", absent=_BUSY)
    return Profile(
        home=["{GEMINI_CLI_HOME}/.gemini", "~/.gemini"],
        ready=ready,
        idle=idle,
        hook_files={"{folder}/" + DEFAULTS: json.dumps(settings)},
        prompt_hook="BeforeAgent",
        transcript="{home}/tmp/*/chats/session-*-" + resume[:8] + ".jsonl" if resume else "",
        transcript_field="transcript_path",
        transcript_types=("user", "gemini", "info", "error", "warning"),
        editor=["C-g"],
        env={"GEMINI_CLI_SYSTEM_DEFAULTS_PATH": "{folder}/" + DEFAULTS},
        dialogs=[Dialog(pattern=r"Do you trust", keys=["Enter"])],
        turn_dialogs=[Dialog(pattern=_OTHER_MODEL, keys=["{1}"])],
        refusals=[
            Refusal(
                pattern=r"\A\s*[/?]",
                why="Gemini CLI's UI takes a prompt that begins with / or ? for a command of its "
                "own; begin with another character, or run it headless",
            ),
            Refusal(
                pattern="[\x00-\x08\x0b-\x1f\x7f-\x9f]",
                why="Gemini CLI's UI drops control characters; run the prompt headless",
            ),
            Refusal(pattern=r"\A\s*\Z", why="Gemini CLI's UI takes no empty prompt"),
        ],
    )
