"""runbooks/clis.md says what the adapters do: its table against the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_runner.agents.base import AgentOptions, Form
from agent_runner.agents.registry import adapter_for
from agent_runner.errors import BadRequestError

RUNBOOK = Path(__file__).parent.parent / "runbooks" / "clis.md"
COLUMNS = ("claude-code", "gemini", "factory-droid")


def row(name: str) -> dict[str, str]:
    line = next(x for x in RUNBOOK.read_text().splitlines() if x.startswith(f"| {name} |"))
    cells = [cell.strip() for cell in line.strip("|").split("|")][1:]
    return dict(zip(COLUMNS, cells, strict=True))


def taken(agent: str, options: AgentOptions, form: Form) -> bool:
    try:
        adapter_for(agent).launch(options, form, resume=None, private_dir="/private")
        adapter_for(agent).session(options, form, resume=None)
    except BadRequestError as error:
        if error.code != "unsupported_option":
            raise
        return False
    return True


@pytest.mark.parametrize("agent", COLUMNS)
def test_mcp_servers(agent: str) -> None:
    options = AgentOptions(cwd="/", mcp_servers={"x": {"command": "true"}})
    said = row("MCP servers of the agent")[agent]
    assert taken(agent, options, Form.WARM)
    assert taken(agent, options, Form.ONE_SHOT) is (said == "both forms")


@pytest.mark.parametrize("agent", COLUMNS)
def test_max_turns(agent: str) -> None:
    options = AgentOptions(cwd="/", max_turns=3)
    said = row("`maxTurns`")[agent].startswith("yes")
    assert taken(agent, options, Form.WARM) is said
    assert taken(agent, options, Form.ONE_SHOT) is said


@pytest.mark.parametrize("agent", COLUMNS)
def test_a_later_turn_and_a_cancel_by_message(agent: str) -> None:
    assert row("a later turn on the warm process")[agent] == "yes"
    assert Form.WARM in adapter_for(agent).forms
    assert row("cancel by message, process kept")[agent] == "yes"
