"""A CLI is one folder: the registry finds it, and nothing else names it."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import agent_runner
from agent_runner import agents
from agent_runner.agents.base import Adapter, AgentOptions, Form
from agent_runner.agents.discovery import modules
from agent_runner.agents.registry import (
    ADAPTERS,
    INSTALLED,
    adapter_in,
    asking_flags,
    check_type_of,
    forms_of,
)
from agent_runner.agents.screen.options import ScreenOptions
from agent_runner.errors import BadRequestError

SOURCES = Path(agent_runner.__file__).parent
HELP = {"cli/agents.py", "cli/fallback.py", "cli/main.py", "cli/sessions.py"}
"""Files whose help names a CLI as an example."""


def test_the_types_are_known_in_their_order() -> None:
    assert list(ADAPTERS) == [
        *("claude-code", "codex", "factory-droid", "gemini", "acp", "custom", "replay"),
    ]
    assert INSTALLED == ("claude-code", "codex", "factory-droid", "gemini")
    for type_, adapter in ADAPTERS.items():
        assert adapter.type == type_
        assert adapter.path_variables <= set(adapter.variables)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(agents, "__path__", [*agents.__path__, str(tmp_path)])
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("agent_runner.agents.new_cli")]:
        del sys.modules[name]


def test_a_folder_is_all_that_a_new_cli_needs(folders: Path) -> None:
    (folders / "new_cli").mkdir()
    (folders / "new_cli/__init__.py").write_text('TYPE = "new-cli"\n')
    (folders / "new_cli/wordings.py").write_text("ORDER = -1\nWORDINGS = ()\n")
    (folders / "new_cli/adapter.py").write_text(
        "from agent_runner.agents.replay.adapter import ReplayAdapter\n"
        "from agent_runner.agents.new_cli import TYPE\n\n\n"
        "class NewAdapter(ReplayAdapter):\n    type = TYPE\n"
    )
    (folders / "no_cli").mkdir()
    (folders / "no_cli/__init__.py").touch()
    (folders / "no_cli/wordings.py").touch()
    assert list(modules("wordings")) == [
        *("new-cli", "claude-code", "gemini", "factory-droid", "codex"),
    ]
    assert adapter_in(modules("adapter")["new-cli"]).type == "new-cli"
    assert "new-cli" not in modules("tools")


def strings_in(path: Path) -> Iterator[ast.Constant]:
    tree = ast.parse(path.read_text("utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node


def test_no_cli_is_named_outside_of_its_folder() -> None:
    """What is known of one CLI is reached through its adapter, also where it is compared."""
    named = re.compile("|".join((*INSTALLED, "claude", "droid")), re.IGNORECASE)
    found = [
        f"{path.relative_to(SOURCES)}:{node.lineno}: {node.value!r}"
        for path in sorted(SOURCES.rglob("*.py"))
        if path.relative_to(SOURCES).parts[0] != "agents"
        and str(path.relative_to(SOURCES)) not in HELP
        for node in strings_in(path)
        if named.search(str(node.value))
    ]
    assert found == []


ODD: list[dict[str, Any]] = [
    {},
    {"model": "m\0"},
    {"model": "\ud800"},
    {"cwd": "/\0"},
    {"extra_args": ["--resume=x"]},
    {"extra_args": ["--settings=x"]},
    {"extra_args": ["word"]},
    {"extra_args": ["-x\0"]},
    {"permission_mode": "nonsense"},
    {"permission_mode": "unsafe"},
    {"permission_mode": "plan"},
    {"max_turns": 0},
    {"max_turns": 3},
    {"allowed_tools": ["A", " "]},
    {"allowed_tools": ["A\0"]},
    {"denied_tools": [""]},
    {"denied_tools": ["A\0"]},
    {"denied_tools": ["A"]},
    {"mcp_servers": {"m": {}}},
    {"mcp_servers": {"m": {"command": "c", "env": []}}},
    {"mcp_servers": {"m": {"command": "c"}}},
    {"system_prompt": "s"},
    {"transcript": "nothing/of/this"},
    {"command": ["c", "\0"]},
    {"command": ["c"], "dialect": "nonsense"},
    {"command": ["c"], "dialect": "acp", "mcp_servers": {"m": {}}},
    {"command": ["c"], "dialect": "gemini"},
    {"command": ["c"], "dialect": "claude-code"},
    {"command": ["c"], "terminal": {"prompt": "("}},
    {"command": ["c"], "terminal": {}},
]


def refusal(adapter: Adapter, given: dict[str, Any], form: Form, *, by: str) -> str | None:
    if "terminal" in given:
        given = {**given, "terminal": ScreenOptions(**given["terminal"])}
    options = AgentOptions(**{"cwd": "/w", **given})
    try:
        if by == "check":
            adapter.check(options, form)
        else:
            adapter.launch(options, form, resume=None, private_dir="/p")
    except BadRequestError as error:
        return f"{error.code}: {error.message}"
    return None


@pytest.mark.parametrize("given", ODD, ids=str)
@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("type_", ADAPTERS)
def test_what_is_checked_can_be_launched(type_: str, form: Form, given: dict[str, Any]) -> None:
    adapter = ADAPTERS[type_]
    assert refusal(adapter, given, form, by="check") == refusal(adapter, given, form, by="launch")


def test_a_form_is_left_out_where_the_options_forbid_it() -> None:
    custom = ADAPTERS["custom"]
    text = AgentOptions(cwd="/", command=["c"])
    assert forms_of(custom, text) == (Form.ONE_SHOT,)
    assert forms_of(custom, AgentOptions(cwd="/", command=["c"], dialect="acp")) == custom.forms
    obstacle = custom.obstacle(text, Form.TERMINAL)
    assert obstacle is not None
    assert obstacle.code == "unsupported_form"
    with pytest.raises(BadRequestError, match="needs command"):
        forms_of(custom, AgentOptions(cwd="/"))


def test_an_option_of_another_type_is_refused() -> None:
    for name, value, owners in (
        ("command", ["c"], ["acp", "custom"]),
        ("dialect", "acp", ["custom"]),
        ("transcript", "t", ["replay"]),
    ):
        for type_, adapter in ADAPTERS.items():
            given: dict[str, Any] = {name: value}
            options = AgentOptions(cwd="/", **given)
            if type_ in owners:
                check_type_of(adapter, options)
            else:
                with pytest.raises(BadRequestError, match=f"agents of type {' or '.join(owners)}"):
                    check_type_of(adapter, options)


def test_a_command_of_which_nothing_is_known_has_the_flags_of_all() -> None:
    every = asking_flags(ADAPTERS["custom"])
    assert "-y" in every.unasked
    assert "-y" not in asking_flags(ADAPTERS["claude-code"]).unasked
    for type_ in INSTALLED:
        flags = asking_flags(ADAPTERS[type_])
        assert flags.unasked
        assert flags.unasked <= every.unasked
        assert flags.letting <= every.letting
