"""What the terminal driver must know of Factory Droid's own UI. Recorded: 0.215.0.

Hooks are commands; they and the model come in a settings file for this process only. The UI
opens no editor, so the prompt is pasted. Permission questions are answered by key. The box is
there before a resumed session is read, and takes a prompt that the model then gets without
what was said before (seen); SessionStart comes a second later, in a new session too.
"""

from __future__ import annotations

import json
from typing import Any

from agent_runner import quoting
from agent_runner.decoding.terminal import Dialog, Profile, Refusal, Wait

SETTINGS = "droid-settings.json"
HOOKS = ("SessionStart", "UserPromptSubmit", "PreToolUse", "Notification")
_HOOK_S = 60

_BOX = r"^│ >"
ASKS = r"^(?!.*(?:Tab switch|Type search)).*Enter select"
"""The last line of a question; that of a menu, which somebody has opened, tells of more keys."""

_BUSY = rf"Press ESC to stop|{ASKS}"


def profile(model: str | None, resume: str | None) -> Profile:
    """The UI with this model, going on with session `resume` or not."""
    hook = {"type": "command", "command": "{command}", "timeout": _HOOK_S}
    settings: dict[str, Any] = {
        "hooks": {name: [{"matcher": "*", "hooks": [hook]}] for name in HOOKS}
    }
    if model:
        settings["model"] = quoting.name(model)
    idle = Wait(screen=_BOX, absent=_BUSY)
    return Profile(
        home=["{FACTORY_HOME_OVERRIDE}/.factory", "~/.factory"],
        ready=idle,
        idle=idle,
        hook_files={"{folder}/" + SETTINGS: json.dumps(settings)},
        prompt_hook="UserPromptSubmit",
        ready_hook="SessionStart",
        transcript="{home}/sessions/*/" + resume + ".jsonl" if resume else "",
        transcript_field="transcript_path",
        transcript_types=("message", "agent_turn_outcome", "error"),
        sidecar=".settings.json",
        sidecar_fields=("tokenUsage", "inclusiveTokenUsage"),
        clear=["C-u"],
        paste_shown=r"\[Pasted",
        dialogs=[Dialog(pattern=r"Trust this folder\?", keys=["Enter"])],
        refusals=[
            Refusal(
                pattern=r"\A\s*[/!?]",
                why="Factory Droid's UI takes a prompt that begins with /, ! or ? for a command",
                hint="begin with another character, or run it headless",
            ),
            Refusal(
                pattern=r"(?i)\A\s*(?:exit|quit)\s*\Z",
                why="Factory Droid's UI takes exit and quit for the command to leave it",
                hint="say more than the word, or run it headless",
            ),
            Refusal(
                pattern="[\x00-\x08\x0b-\x1f\x7f-\x9f]",
                why="Factory Droid's UI drops control characters",
                hint="run it headless",
            ),
            Refusal(pattern=r"\A\s*\Z", why="Factory Droid's UI takes no empty prompt"),
        ],
    )
