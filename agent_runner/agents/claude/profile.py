"""What the terminal driver must know of Claude Code's own UI. Recorded: 2.1.197, 2.1.332.

The prompt goes by the external editor (ctrl+g): pasted, a long or many-lined text is wrapped
in `<pasted_content>`, tabs become blanks, and a leading `!` starts a shell. A prompt that
begins like a command (`/word`) is a command to this UI, whatever way it comes.
"""

from __future__ import annotations

import json

import msgspec

from agent_runner.agents.base import AgentOptions
from agent_runner.decoding.terminal import Dialog, Profile, Refusal, Seed, Wait

SETTINGS = "settings.json"
HOOKS = ("UserPromptSubmit", "PreToolUse", "PermissionRequest", "Stop", "StopFailure")
HOLD_S = 7 * 24 * 3600
"""How long a PermissionRequest may wait for a person; for the CLI it is the hook's timeout."""

_CHANGED = (
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f\u2028\u2029\u200b-\u200f\u2060-\u2064\ufeff\u00ad]"
)
_IDLE = Wait(file="{home}/sessions/{pid}.json", field="status", value="idle", busy="busy")
# The mark alone stands before each prompt in what was said, and before a menu's choice.
_BOX = "^\u2500+[^\\n]*\\n\u276f"


def profile(options: AgentOptions, resume: str | None) -> Profile:
    """The UI of an agent with these options."""
    hook = {"type": "http", "url": "{url}", "timeout": HOLD_S}
    settings = {"hooks": {name: [{"hooks": [hook]}] for name in HOOKS}}
    project = {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}
    values = {
        "hasCompletedOnboarding": True,
        "theme": "dark",
        "customApiKeyResponses": {"approved": ["{ANTHROPIC_API_KEY:20}"], "rejected": []},
        "projects": {"{cwd}": project},
    }
    if options.permission_mode == "bypassPermissions":
        values["bypassPermissionsModeAccepted"] = True
    return Profile(
        home=["{CLAUDE_CONFIG_DIR}", "~/.claude"],
        ready=msgspec.structs.replace(_IDLE, screen=_BOX),
        idle=_IDLE,
        seeds=[Seed(file=["{CLAUDE_CONFIG_DIR}/.claude.json", "~/.claude.json"], values=values)],
        hook_files={"{folder}/" + SETTINGS: json.dumps(settings)},
        held=["PermissionRequest"],
        prompt_hook="UserPromptSubmit",
        end_hook="Stop",
        transcript="{home}/projects/*/" + resume + ".jsonl" if resume else "",
        transcript_field="transcript_path",
        transcript_types=("assistant", "user", "system"),
        editor=["C-g"],
        dialogs=[Dialog(pattern=r"(?i)trust this folder|do you trust", keys=["Enter"])],
        refusals=[
            Refusal(
                pattern=r"\A\s*/(?:[^\s/]*)(?:\s|\Z)",
                why="Claude Code's UI takes a prompt that begins with /word for a command",
                hint="begin with another word, or run it headless",
            ),
            Refusal(
                pattern=r"\A\s*(?:exit|quit|:q!?|:wq!?)\s*\Z",
                why="Claude Code's UI takes exit, quit, :q and :wq for the command to leave it",
                hint="say more than the word, or run it headless",
            ),
            Refusal(
                pattern=_CHANGED,
                why="Claude Code's UI drops or changes control characters, invisible characters "
                "and the line separators U+0085, U+2028 and U+2029",
                hint="run it headless",
            ),
            Refusal(pattern=r"\A\s*\Z", why="Claude Code's UI takes no empty prompt"),
        ],
    )
