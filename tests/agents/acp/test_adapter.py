"""An agent of type acp: its command, and what it is told over the protocol alone."""

from __future__ import annotations

from typing import Any

import pytest

from agent_runner.agents.base import AgentOptions, Form
from agent_runner.agents.registry import adapter_for, forms_of
from agent_runner.errors import BadRequestError

ACP = adapter_for("acp")


def options(**given: Any) -> AgentOptions:
    return AgentOptions(cwd="/w", **{"command": ["opencode", "acp"], **given})


@pytest.mark.parametrize("form", [Form.WARM, Form.ONE_SHOT])
def test_the_command_is_started_as_it_is(form: Form) -> None:
    given = options(extra_args=["--verbose"], model="m", permission_mode="plan")
    launch = ACP.launch(given, form, resume="ses_1", private_dir="/private")
    assert launch.argv == ["opencode", "acp", "--verbose"]
    assert (launch.env, launch.files, launch.terminal) == ({}, {}, None)


@pytest.mark.parametrize("command", [[], [""], ["  "]])
def test_it_needs_a_command(command: list[str]) -> None:
    with pytest.raises(BadRequestError) as caught:
        forms_of(ACP, options(command=command))
    assert caught.value.code == "missing_command"


def test_it_has_no_terminal_ui() -> None:
    assert forms_of(ACP, options()) == (Form.WARM, Form.ONE_SHOT)
    obstacle = ACP.obstacle(options(), Form.TERMINAL)
    assert obstacle is not None
    assert obstacle.code == "unsupported_form"


@pytest.mark.parametrize(
    "given",
    [
        {"system_prompt": "be brief"},
        {"allowed_tools": ["bash"]},
        {"denied_tools": ["bash"]},
        {"max_turns": 3},
    ],
)
def test_what_the_protocol_cannot_say_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(BadRequestError) as caught:
        ACP.check(options(**given), Form.WARM)
    assert caught.value.code == "unsupported_option"


def test_a_session_id_that_is_none_is_refused() -> None:
    with pytest.raises(BadRequestError) as caught:
        ACP.launch(options(), Form.WARM, resume="../x", private_dir="/private")
    assert caught.value.code == "invalid_session_id"
