"""Options to command lines: each value in its place, and no value that becomes a flag."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from agent_runner.agents.base import AgentOptions, Form, Launch, check_session_id
from agent_runner.agents.registry import ADAPTERS, adapter_for
from agent_runner.agents.screen.options import ScreenOptions
from agent_runner.errors import BadRequestError
from agent_runner.tmux.driver import fill_known
from agent_runner.tmux.placeholders import Placeholders

UI = ScreenOptions()
REAL = ("claude-code", "gemini", "factory-droid")
HOSTILE = [
    "--dangerously-skip-permissions",
    "-p",
    "--",
    "-",
    "a b",
    "$(x)",
    "a\nb",
    "--a=b",
    "'",
    "é",
]


def launch(
    type_: str, form: Form = Form.ONE_SHOT, resume: str | None = None, **fields: Any
) -> Launch:
    options = AgentOptions(cwd="/work", **fields)
    return adapter_for(type_).launch(options, form, resume=resume, private_dir="/private")


@pytest.mark.parametrize("type_", REAL)
@pytest.mark.parametrize("form", [Form.ONE_SHOT, Form.WARM])
@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_stays_the_value_of_its_flag(type_: str, form: Form, value: str) -> None:
    plain = launch(type_, form).argv
    result = launch(type_, form, model=value, system_prompt=value, allowed_tools=[value])
    added = [word for word in result.argv if word not in plain]
    assert all(word.startswith("--") and "=" in word for word in added)
    assert value not in added


@pytest.mark.parametrize("type_", REAL)
def test_prompts_secrets_and_texts_are_not_on_the_command_line(type_: str) -> None:
    servers = {"s": {"command": "srv", "args": [], "env": {"TOKEN": "secret-1"}}}
    result = launch(
        type_, Form.WARM, system_prompt="secret-2", mcp_servers=servers, env={"K": "secret-3"}
    )
    assert "secret" not in " ".join(result.argv)


def test_claude_flags() -> None:
    result = launch(
        "claude-code",
        Form.WARM,
        resume="0000-1111",
        model="opus",
        system_prompt="be brief",
        mcp_servers={"s": {"command": "srv"}},
        allowed_tools=["Read", "Bash(git:*)"],
        denied_tools=["Write"],
        permission_mode="plan",
        max_turns=3,
        extra_args=["--add-dir", "/other"],
    )
    assert result.argv == [
        "claude",
        "--add-dir",
        "/other",
        "-p",
        "--input-format=stream-json",
        "--output-format=stream-json",
        "--verbose",
        "--include-partial-messages",
        "--permission-prompt-tool=stdio",
        "--model=opus",
        "--append-system-prompt-file=/private/system-prompt.txt",
        "--mcp-config=/private/mcp.json",
        "--strict-mcp-config",
        "--allowedTools=Read,Bash(git:*)",
        "--disallowedTools=Write",
        "--permission-mode=plan",
        "--max-turns=3",
        "--resume=0000-1111",
    ]
    assert result.files["system-prompt.txt"] == b"be brief"
    assert json.loads(result.files["mcp.json"]) == {"mcpServers": {"s": {"command": "srv"}}}
    assert result.env["DISABLE_AUTOUPDATER"] == "1"


def test_gemini_flags() -> None:
    one = launch(
        "gemini", resume="0000", model="m", permission_mode="yolo", allowed_tools=["a", "b"]
    )
    assert one.argv == [
        "gemini", "--output-format=stream-json", "--resume=0000", "--model=m",
        "--approval-mode=yolo", "--allowed-tools=a", "--allowed-tools=b",
    ]  # fmt: skip
    warm = launch("gemini", Form.WARM, resume="0000", system_prompt="x")
    assert warm.argv == ["gemini", "--acp", "--resume=0000"]
    assert warm.env["GEMINI_SYSTEM_MD"] == "/private/system.md"
    assert warm.env["GEMINI_CLI_TRUST_WORKSPACE"] == "true"
    assert warm.env["GEMINI_CLI_NO_RELAUNCH"] == "1"


@pytest.mark.parametrize("model", ["{url}", "{command}", "{folder}", "{{}", "{{url}}", 'a"}'])
def test_no_name_of_the_profile_is_filled_in_a_model(model: str) -> None:
    ui = launch("factory-droid", Form.TERMINAL, model=model).terminal
    assert ui is not None
    (text,) = ui.hook_files.values()
    names = Placeholders({}, url="http://x", command='"c"', folder="/f")
    settings = json.loads(fill_known(text, names))
    assert settings["model"] == model
    assert settings["hooks"]["SessionStart"][0]["hooks"][0]["command"] == '"c"'


def test_droid_flags() -> None:
    one = launch(
        "factory-droid", resume="0000", model="m", permission_mode="low",
        allowed_tools=["Read", "LS"], denied_tools=["Execute"], system_prompt="x",
    )  # fmt: skip
    assert one.argv == [
        "droid", "exec", "--output-format=stream-json", "--cwd=/work", "--model=m", "--auto=low",
        "--only-tools=Read,LS", "--remove-tools=Execute",
        "--append-system-prompt-file=/private/system-prompt.txt", "--session-id=0000",
    ]  # fmt: skip
    assert "--skip-permissions-unsafe" in launch("factory-droid", permission_mode="unsafe").argv
    warm = launch("factory-droid", Form.WARM, resume="0000", model="m", permission_mode="low")
    assert warm.argv == [
        "droid", "exec", "--input-format=stream-jsonrpc", "--output-format=stream-jsonrpc",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "word",
    [
        "--output-format",
        "--output-format=text",
        "--outputFormat",
        "--outputFormat=text",
        "--OutputFormat=text",
        "--OUTPUT-FORMAT=text",
        "---output-format=text",
        "--output_format=text",
        "--output-Format=text",
        "--output-format.x=text",
        "--outputFormat.x=text",
        "--no-output-format",
        "--noOutputFormat",
        "--no-outputFormat=x",
    ],
)
@pytest.mark.parametrize("type_", ["claude-code", "gemini", "factory-droid"])
def test_a_flag_of_the_service_in_each_spelling(type_: str, word: str) -> None:
    for form in (Form.WARM, Form.ONE_SHOT):
        with pytest.raises(BadRequestError) as caught:
            launch(type_, form, extra_args=["--debug", word])
        assert caught.value.code == "reserved_option"


@pytest.mark.parametrize(
    ("type_", "words"),
    [
        ("claude-code", ["-p", "-dp", "-pd", "-dr", "-rabc", "-r=abc"]),
        ("gemini", ["-p", "-y", "-dy", "-yd", "-sy", "-o=text", "-otext", "-do"]),
        ("factory-droid", ["-o", "-otext", "-mo", "-s=x", "-w"]),
    ],
)
def test_short_flags_come_several_in_a_word(type_: str, words: list[str]) -> None:
    for word in words:
        with pytest.raises(BadRequestError) as caught:
            launch(type_, Form.WARM, extra_args=[word])
        assert caught.value.code == "reserved_option", word


@pytest.mark.parametrize(
    ("type_", "words"),
    [
        (
            "claude-code",
            ["--debug", "--add-dir=/x", "--max-budget-usd=1", "--fallback-model", "-d"],
        ),
        ("gemini", ["--debug", "-d", "-e", "none", "--include-directories=/x.y", "-m", "pro"]),
        ("factory-droid", ["--reasoning-effort=high", "-r", "high", "--note", "--notes"]),
    ],
)
def test_flags_that_are_like_those_of_the_service_are_not_theirs(
    type_: str, words: list[str]
) -> None:
    argv = launch(type_, Form.WARM, extra_args=words).argv
    assert [word for word in argv if word in words] == words


@pytest.mark.parametrize(
    ("type_", "form", "fields", "code"),
    [
        ("claude-code", Form.WARM, {"permission_mode": "nonsense"}, "invalid_option"),
        ("gemini", Form.WARM, {"permission_mode": "acceptEdits"}, "invalid_option"),
        ("factory-droid", Form.WARM, {"permission_mode": "yolo"}, "invalid_option"),
        ("claude-code", Form.WARM, {"max_turns": 0}, "invalid_option"),
        ("claude-code", Form.WARM, {"model": "a\0b"}, "invalid_option"),
        ("claude-code", Form.WARM, {"model": "\ud800"}, "invalid_option"),
        ("claude-code", Form.WARM, {"model": "x" * 200_000}, "invalid_option"),
        ("claude-code", Form.WARM, {"allowed_tools": [" "]}, "invalid_option"),
        ("claude-code", Form.WARM, {"extra_args": ["--resume=x"]}, "reserved_option"),
        ("claude-code", Form.WARM, {"extra_args": ["--output-format", "text"]}, "reserved_option"),
        ("claude-code", Form.WARM, {"extra_args": ["-rabc"]}, "reserved_option"),
        ("claude-code", Form.WARM, {"extra_args": ["--", "prompt"]}, "invalid_option"),
        ("claude-code", Form.WARM, {"extra_args": ["prompt"]}, "invalid_option"),
        ("gemini", Form.WARM, {"extra_args": ["--prompt=x"]}, "reserved_option"),
        ("gemini", Form.ONE_SHOT, {"mcp_servers": {"a": {"command": "x"}}}, "unsupported_option"),
        ("gemini", Form.WARM, {"mcp_servers": {"a": {}}}, "invalid_option"),
        ("gemini", Form.WARM, {"denied_tools": ["a"]}, "unsupported_option"),
        ("gemini", Form.WARM, {"max_turns": 3}, "unsupported_option"),
        ("factory-droid", Form.ONE_SHOT, {"mcp_servers": {"a": {}}}, "unsupported_option"),
        ("factory-droid", Form.WARM, {"mcp_servers": {"a": {}}}, "invalid_option"),
        ("factory-droid", Form.WARM, {"max_turns": 3}, "unsupported_option"),
        ("custom", Form.ONE_SHOT, {}, "missing_command"),
        ("custom", Form.ONE_SHOT, {"command": ["x"], "dialect": "y"}, "invalid_option"),
        ("custom", Form.WARM, {"command": ["x"]}, "unsupported_form"),
        ("custom", Form.ONE_SHOT, {"command": ["x"], "model": "m"}, "unsupported_option"),
        ("custom", Form.TERMINAL, {"command": ["x"]}, "unsupported_form"),
        ("custom", Form.TERMINAL, {"command": ["x"], "model": "m", "terminal": UI},
         "unsupported_option"),
        ("custom", Form.ONE_SHOT, {"command": ["x"], "terminal": ScreenOptions(submit=["Nope"])},
         "invalid_option"),
        ("replay", Form.TERMINAL, {}, "unsupported_form"),
    ],
)  # fmt: skip
def test_what_a_cli_cannot_do_is_refused(
    type_: str, form: Form, fields: dict[str, Any], code: str
) -> None:
    with pytest.raises(BadRequestError) as caught:
        launch(type_, form, **fields)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "value", ["", "-x", "--resume", "a/b", "../a", "a..b", "a b", "a\n", "é", "x" * 129]
)
def test_a_bad_session_id_reaches_no_command_line(value: str) -> None:
    with pytest.raises(BadRequestError):
        check_session_id(value)
    for type_ in REAL:
        with pytest.raises(BadRequestError):
            launch(type_, resume=value)


def test_custom_commands_are_taken_as_they_are() -> None:
    result = launch("custom", command=["prog", "--flag"], extra_args=["x"])
    assert result.argv == ["prog", "--flag", "x"]


def test_every_adapter_says_what_it_is() -> None:
    for type_, adapter in ADAPTERS.items():
        assert adapter.type == type_
        assert adapter.title
        assert adapter.forms
        assert adapter.install_hint
        assert adapter.login_hint
        assert all(name.isupper() for name in adapter.variables)
    with pytest.raises(BadRequestError):
        adapter_for("nonsense")


def test_options_survive_the_wire() -> None:
    options = AgentOptions(cwd="/w", command=["a"], dialect="acp", max_turns=2)
    assert msgspec.json.decode(msgspec.json.encode(options), type=AgentOptions) == options
