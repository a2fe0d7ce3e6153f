"""What is sent to Codex CLI's app-server."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from agent_runner.agents.attachments import Attachment, images_apart
from agent_runner.agents.base import AgentOptions
from agent_runner.agents.codex.modes import MODES, policy

CLIENT = {
    "clientInfo": {"name": "agent-runner", "title": "Agent Runner", "version": "1"},
    # `thread/backgroundTerminals/clean` is one of its experimental methods.
    "capabilities": {"experimentalApi": True, "requestAttestation": False},
}
"""The params of `initialize`."""


def thread_params(options: AgentOptions) -> dict[str, Any]:
    """The options in the words of thread/start and thread/resume."""
    params: dict[str, Any] = {"cwd": options.cwd}
    if options.model:
        params["model"] = options.model
    if options.permission_mode:
        mode = MODES[options.permission_mode]
        params |= {"sandbox": mode.sandbox, "approvalPolicy": mode.approval}
    if options.system_prompt:
        params["baseInstructions"] = options.system_prompt
    if options.mcp_servers:
        params["config"] = {"mcp_servers": options.mcp_servers}
    return params


def turn_settings(
    model: str | None, permission_mode: str | None, defaults: dict[str, Any]
) -> dict[str, Any]:
    """What a turn and those after it run with; `defaults` are the session's own."""
    settings = dict(defaults)
    if model:
        settings["model"] = model
    if permission_mode:
        mode = MODES[permission_mode]
        settings |= {"approvalPolicy": mode.approval, "sandboxPolicy": policy(mode.sandbox)}
    return settings


def user_input(text: str, attachments: Sequence[Attachment]) -> list[dict[str, Any]]:
    """A prompt: its text, then its images as data URLs."""
    words, images = images_apart(text, attachments)
    shown = [
        {
            "type": "image",
            "url": f"data:{image.media_type};base64,{b64encode(data).decode()}",
        }
        for image, data in images
    ]
    return [{"type": "text", "text": words, "text_elements": []}, *shown]
