"""What the terminal driver must know of Codex CLI's own UI. Recorded: 0.171.0.

Hooks are commands, which come as a flag. The CLI runs those only whose hash is trusted: so the
command is always the same, what it runs is in a variable, and the hash comes in the same flag. The
prompt goes by the external editor (ctrl+g). `PermissionRequest` holds the answer; SessionStart
comes with the first prompt only.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from agent_runner import quoting
from agent_runner.decoding.terminal import Dialog, Profile, Refusal, Wait

HOOK = "AGENT_RUNNER_HOOK"
HOLD_S = 7 * 24 * 3600
"""How long a PermissionRequest may wait for a person; for the CLI it is the hook's timeout."""

_HOOK_S = 60
_INTERRUPT_S = 3
"""The CLI allows no more for this one, and hashes what it allows."""

_HOOKS = {
    "SessionStart": ("session_start", _HOOK_S),
    "UserPromptSubmit": ("user_prompt_submit", _HOOK_S),
    "PreToolUse": ("pre_tool_use", _HOOK_S),
    "PermissionRequest": ("permission_request", HOLD_S),
    "Stop": ("stop", _HOOK_S),
    "Interrupt": ("interrupt", _INTERRUPT_S),
}
_SOURCE = "/<session-flags>/config.toml"

# A menu's choice has the box's mark, and then a number or more blanks.
_BOX = "^\u203a (?! |\\d\\. )"
# While it opens its session the box is there, and deaf: it has no line of the model's below.
_OPEN = rf"{_BOX}.*\n(?: *\n)*  (?!\? for shortcuts)\S"
_BUSY = (
    r"^[•◦] .*• esc to interrupt\)"
    r"|^ +Press enter to confirm or esc to cancel"
)


def hooks_setting() -> str:
    """The setting `hooks` as TOML: the hooks, and the hashes that make them trusted."""
    command = f'eval "${HOOK}"'
    tables, states = [], []
    for name, (label, seconds) in _HOOKS.items():
        hook = {"type": "command", "command": command, "timeout": seconds}
        tables.append(f"{name}=[{{hooks=[{_inline(hook)}]}}]")
        identity = {"event_name": label, "hooks": [{**hook, "async": False}]}
        text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
        trusted = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
        states.append(f'"{_SOURCE}:{label}:0:0"={_inline({"trusted_hash": trusted})}')
    return f"{{{','.join(tables)},state={{{','.join(states)}}}}}"


def profile(resume: str | None) -> Profile:
    """The UI, going on with session `resume` or not."""
    ready, idle = (Wait(screen=shown, absent=_BUSY) for shown in (_OPEN, _BOX))
    found = f"{{home}}/sessions/*/*/*/rollout-*-{quoting.name(resume)}.jsonl" if resume else ""
    return Profile(
        home=["{CODEX_HOME}", "~/.codex"],
        ready=ready,
        idle=idle,
        held=["PermissionRequest"],
        prompt_hook="UserPromptSubmit",
        transcript=found,
        transcript_field="transcript_path",
        transcript_types=("event_msg", "token_usage_record"),
        editor=["C-g"],
        env={HOOK: "{command}"},
        dialogs=[
            Dialog(pattern=r"Trust this folder\?", keys=["Enter"]),
            Dialog(pattern=r"\d\. Use existing model", keys=["2"]),
            Dialog(pattern=r"\d\. Continue without trusting", keys=["3"]),
        ],
        refusals=[
            Refusal(
                pattern=r"\A\s*[/!]",
                why="Codex CLI's UI takes a prompt that begins with / or ! for a command",
                hint="begin with another character, or run it headless",
            ),
            Refusal(
                pattern=r"(?:\A|\s)[@$]\S*\s*\Z",
                why="Codex CLI's UI completes a last word that begins with @ or $",
                hint="end with another word, or run it headless",
            ),
            Refusal(
                pattern="[\x00-\x08\x0b-\x1f\x7f-\x9f]",
                why="Codex CLI's UI drops control characters",
                hint="run it headless",
            ),
            Refusal(pattern=r"\A\s*\Z", why="Codex CLI's UI takes no empty prompt"),
        ],
    )


def _inline(values: dict[str, Any]) -> str:
    """An inline table of TOML, whose texts are like those of JSON."""
    return "{" + ",".join(f"{name}={json.dumps(value)}" for name, value in values.items()) + "}"
