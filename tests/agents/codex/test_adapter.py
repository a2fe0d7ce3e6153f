"""Codex: its command lines, its modes, its hooks and its session file."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from agent_runner.agents.base import AgentOptions, Form, Launch
from agent_runner.agents.codex import profile, session_log
from agent_runner.agents.registry import adapter_for, forms_of

CODEX = adapter_for("codex")


def launch(form: Form = Form.ONE_SHOT, resume: str | None = None, **fields: Any) -> Launch:
    options = AgentOptions(cwd="/work", **fields)
    return CODEX.launch(options, form, resume=resume, private_dir="/private")


def test_one_shot_flags() -> None:
    one = launch(resume="0000", model="m", permission_mode="never", system_prompt="be brief")
    assert one.argv[:4] == ["codex", "exec", "--json", "--skip-git-repo-check"]
    assert one.argv[-8:] == [
        "--config=features.unbounded_connection_retries=false",
        "--model=m",
        '--config=sandbox_mode="workspace-write"',
        '--config=approval_policy="never"',
        '--config=model_instructions_file="/private/instructions.md"',
        "resume",
        "0000",
        "-",
    ]
    assert one.files == {"instructions.md": b"be brief"}
    assert CODEX.image_args(["/a.png"], Form.ONE_SHOT) == ["--image=/a.png"]
    assert CODEX.image_args(["/a.png"], Form.WARM) == []


def test_the_ui_asks_unless_it_is_told_otherwise() -> None:
    assert '--config=approval_policy="on-request"' in launch(Form.TERMINAL).argv
    assert '--config=approval_policy="never"' in launch(Form.TERMINAL, permission_mode="never").argv


def test_untrusted_is_for_warm_processes() -> None:
    options = AgentOptions(cwd="/work", permission_mode="untrusted")
    assert forms_of(CODEX, options) == (Form.WARM,)


def test_the_hooks_are_trusted_by_the_hash_that_the_cli_computes() -> None:
    """The hash is that of `hooks/list` of 0.171.0 for this hook."""
    hooks = tomllib.loads(f"hooks={profile.hooks_setting()}")["hooks"]
    assert set(hooks["state"]) == {
        f"/<session-flags>/config.toml:{label}:0:0"
        for label in (
            *("session_start", "user_prompt_submit", "pre_tool_use"),
            *("permission_request", "stop", "interrupt"),
        )
    }
    assert hooks["PermissionRequest"][0]["hooks"][0]["timeout"] == profile.HOLD_S


@pytest.mark.parametrize("prompt", ["/help", "!ls", "see @a", "see $b ", " ", "a\x07"])
def test_prompts_that_the_ui_would_change_are_refused(prompt: str) -> None:
    assert profile.profile(None).refusal(prompt) is not None


@pytest.mark.parametrize("prompt", ["see @a now", "5 $ each", "# title", "a!"])
def test_other_prompts_are_given_to_it(prompt: str) -> None:
    assert profile.profile(None).refusal(prompt) is None


def test_the_session_file() -> None:
    def line(role: str, text: str) -> dict[str, Any]:
        payload = {"type": "message", "role": role, "content": [{"text": text}]}
        return {"type": "response_item", "timestamp": "t", "payload": payload}

    said = session_log.entry(line("assistant", "Hello."))
    assert said is not None
    assert (said.role, said.text, said.at) == ("assistant", "Hello.", "t")
    own = session_log.entry(line("user", "<environment_context>..."))
    assert own is not None
    assert own.role is None
    assert session_log.entry(line("developer", "x")) is None
    assert session_log.entry({"type": "event_msg", "payload": {}}) is None
