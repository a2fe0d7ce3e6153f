"""Settings: file, then variables, then flags; what is wrong is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from agent_runner.app.configuration import (
    _SHORT,
    CONFIG_VARIABLE,
    _given,
    load_settings,
    variable_of,
)
from agent_runner.errors import BadRequestError
from agent_runner.settings import Settings

WEBHOOK = "hooks:\n  webhooks: [{url: "
RUNBOOK = Path(__file__).resolve().parent.parent / "runbooks/configuration.md"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text("server:\n  port: 1001\n  host: localhost\nlimits:\n  queue_depth: 7\n")
    return path


def test_later_sources_win(config: Path) -> None:
    assert load_settings(config, env={}).server.port == 1001
    env = {"AGENT_RUNNER_PORT": "1002"}
    assert load_settings(config, env=env).server.port == 1002
    flags: dict[tuple[str, ...], Any] = {("server", "port"): 1003, ("server", "host"): None}
    settings = load_settings(config, flags, env)
    assert (settings.server.port, settings.server.host) == (1003, "localhost")
    assert settings.limits.queue_depth == 7
    assert load_settings(env={CONFIG_VARIABLE: str(config)}).server.port == 1001
    assert load_settings(env={}).server.port == 8420


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("nonsense: 1", "nonsense"),
        ("server:\n  prot: 1", "server.prot"),
        ("server:\n  port: 70000", "server.port"),
        ("server: 5", "server"),
        ("server:\n  token: short", "server.token"),
        ("supervision:\n  command_ms: 0", "supervision.command_ms"),
        (f"{WEBHOOK}'http://[::1/hook', secret: a secret of sixteen}}]", "hooks.webhooks.0.url"),
        (f"{WEBHOOK}'https:///x', secret: a secret of sixteen}}]", "hooks.webhooks.0.url"),
        (f"{WEBHOOK}'https://a:99999/x', secret: a secret of sixteen}}]", "hooks.webhooks.0.url"),
        (f"{WEBHOOK}'https://a/x', secret: whsec_abcdefghijk}}]", "hooks.webhooks.0.secret"),
        ("programs:\n  claude: /bin/true", "programs.claude"),
        ("allowed_roots: ['~nobody-of-this-name/x']", "allowed_roots.0"),
        ("state_dir: '~nobody-of-this-name/x'", "state_dir"),
        ("server:\n  allowed_hosts: ['other:8420']", "server.allowed_hosts.0"),
        ("server:\n  allowed_origins: ['http://slash:3000/']", "server.allowed_origins.0"),
        ("server:\n  allowed_origins: ['*']", "server.allowed_origins.0"),
        ("server:\n  allowed_origins: ['https://*.chat.example']", "server.allowed_origins.0"),
        ("server:\n  allowed_origins: ['null']", "server.allowed_origins.0"),
        ("server:\n  allowed_hosts: ['*']", "server.allowed_hosts.0"),
        ("server:\n  allowed_hosts: ['*.example.com']", "server.allowed_hosts.0"),
        ("- a list", "expected"),
        ("a: [", "config.yaml"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(BadRequestError, match=named) as caught:
        load_settings(path, env={})
    assert caught.value.code == "invalid_config"


@pytest.mark.parametrize(
    ("text", "variable", "port", "giver"),
    [
        ("", "1002", 70_000, "--port"),
        ("", "70000", None, "AGENT_RUNNER_PORT"),
        ("server: {port: 70000}", "", None, "FILE"),
        ("server: 5", "1002", None, "FILE or AGENT_RUNNER_PORT"),
    ],
)
def test_who_gave_what_is_wrong_is_named(
    tmp_path: Path, text: str, variable: str, port: int | None, giver: str
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    env = {"AGENT_RUNNER_PORT": variable}
    with pytest.raises(BadRequestError) as caught:
        load_settings(path, {("server", "port"): port}, env)
    assert caught.value.hint == f"it was given by {giver.replace('FILE', str(path))}"


def test_a_missing_or_binary_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for name in ("missing", "binary", "."):
        with pytest.raises(BadRequestError) as caught:
            load_settings(tmp_path / name, env={})
        assert caught.value.code == "invalid_config"


def test_a_section_that_is_no_section_stays_an_error(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("server: 5")
    with pytest.raises(BadRequestError, match="server"):
        load_settings(path, env={"AGENT_RUNNER_PORT": "1"})


def test_variables_are_in_the_runbook() -> None:
    text = RUNBOOK.read_text("utf-8")
    for variable, where in {**_SHORT, variable_of(("state_dir",)): ("state_dir",)}.items():
        assert f"| `{variable}` | `{'.'.join(where)}`" in text
    assert f"| `{CONFIG_VARIABLE}` |" in text


def test_hosts_and_origins_are_kept_as_they_are_compared(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "server: {allowed_hosts: [MyBox.local, '::1'], allowed_origins: ['http://UPPER:3000']}"
    )
    server = load_settings(path, env={}).server
    assert server.allowed_hosts == ["mybox.local", "::1"]
    assert server.allowed_origins == ["http://upper:3000"]


def test_paths_are_meant_from_whoever_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the file from its folder, in a variable or a flag from the present one."""
    for name in ("here", "conf"):
        (tmp_path / name).mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "conf")
    file = tmp_path / "conf" / "config.yaml"
    file.write_text(
        "state_dir: ./state/\n"
        "allowed_roots: [., ../x, ~/y, /z]\n"
        "programs: {claude-code: bin/claude, gemini: gemini, tmux: ~/tmux}\n"
        "hooks: {command: [./hook, ./argument]}\n"
    )
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path / "here")
    for path in (file, Path("../conf/config.yaml"), Path("../link/../conf/config.yaml")):
        settings = load_settings(path, env={})
        assert settings.state_dir == tmp_path / "conf" / "state"
        roots = [tmp_path / "conf", tmp_path / "x", home / "y", Path("/z")]
        assert settings.allowed_roots == roots
        assert settings.programs == {
            "claude-code": str(tmp_path / "conf/bin/claude"),
            "gemini": "gemini",
            "tmux": str(home / "tmux"),
        }
        assert settings.hooks.command == [str(tmp_path / "conf/hook"), "./argument"]
    env = {"AGENT_RUNNER_STATE_DIR": "of/variable/", CONFIG_VARIABLE: "../conf/config.yaml"}
    assert load_settings(env=env).state_dir == tmp_path / "here/of/variable"
    flags: dict[tuple[str, ...], Any] = {("state_dir",): Path("..")}
    assert load_settings(None, flags, env).state_dir == tmp_path
    assert load_settings(None, {("state_dir",): "~"}, env).state_dir == home
    assert Settings(state_dir=Path("x")).state_dir == tmp_path / "here/x"


def test_a_link_is_followed_before_one_goes_up_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "a/b")
    monkeypatch.chdir(tmp_path)
    state = load_settings(None, {("state_dir",): "link/../state"}, {}).state_dir
    assert state == tmp_path.resolve() / "a/state"
    assert load_settings(None, {("state_dir",): "link"}, {}).state_dir == tmp_path / "link"


@pytest.mark.parametrize("text", ["state_dir: ''", "allowed_roots: ['']", "programs: {tmux: ''}",
                                  "hooks: {command: ['']}", 'state_dir: "a\\0b"'])  # fmt: skip
def test_a_path_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(BadRequestError) as caught:
        load_settings(path, env={})
    assert caught.value.code == "invalid_config"


def test_a_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert load_settings(env={}).allowed_roots == [Path.home()]
    with pytest.raises(BadRequestError, match="state_dir"):
        load_settings(None, {("state_dir",): "state"}, {})
    monkeypatch.chdir(tmp_path)


def test_a_relative_state_home_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert load_settings(env={}).state_dir == Path.home() / ".local/state/agent-runner"


def plain_settings(model: type[BaseModel], of: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from plain_settings(kind, (*of, name))
        else:
            yield (*of, name)


@pytest.mark.parametrize("where", [*plain_settings(Settings)], ids=".".join)
def test_every_setting_has_its_variable(where: tuple[str, ...]) -> None:
    given = _given({variable_of(where): '["value"]'})
    assert {of: name for of, (name, _) in given.items()} == {where: variable_of(where)}


def test_variables_give_values_of_every_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").mkdir()
    file = tmp_path / "conf" / "config.yaml"
    file.write_text("limits: {queue_depth: 3}\nsupervision: {no_output_ms: 7}\n")
    env = {
        "AGENT_RUNNER_LIMITS__QUEUE_DEPTH": "9",
        "AGENT_RUNNER_SHADOW__CRITERIA__LEAST_GAIN": "0.25",
        "AGENT_RUNNER_MAINTENANCE__ENABLED": "false",
        "AGENT_RUNNER_SERVER__PORT": "1003",
        "AGENT_RUNNER_PORT": "1002",
        "AGENT_RUNNER_ALLOWED_ROOTS": '["work", "/z"]',
        "AGENT_RUNNER_PROGRAMS": '{"gemini": "bin/gemini", "tmux": "tmux"}',
        "AGENT_RUNNER_HOOKS__COMMAND": '["./hook", "https://chat.example/hook"]',
        "AGENT_RUNNER_APPROVALS": '{"of": "a supervised tool"}',
        "AGENT_RUNNER_NO_SUCH": "x",
    }
    settings = load_settings(file, env=env)
    assert settings.limits.queue_depth == 9
    assert settings.supervision.no_output_ms == 7
    assert settings.shadow.criteria.least_gain == 0.25
    assert not settings.maintenance.enabled
    assert settings.server.port == 1003
    assert settings.allowed_roots == [tmp_path / "work", Path("/z")]
    assert settings.programs == {"gemini": str(tmp_path / "bin/gemini"), "tmux": "tmux"}
    assert settings.hooks.command == [str(tmp_path / "hook"), "https://chat.example/hook"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SERVER__NO_SUCH", "1"),
        ("NO__SUCH", "1"),
        ("STATE_DIR__X", "1"),
        ("ALLOWED_ROOTS", "null"),
        ("ALLOWED_ROOTS", "[1]"),
        ("ALLOWED_ROOTS", "no JSON"),
        ("HOOKS__COMMAND", "[1]"),
        ("HOOKS__COMMAND", "null"),
        ("PROGRAMS", '{"gemini": null}'),
        ("PROGRAMS", '{"nope": "x"}'),
        ("SERVER__ALLOWED_HOSTS", '["*"]'),
        ("HOOKS__WEBHOOKS", '[{"url": "ftp://x", "secret": "sixteen-characters"}]'),
    ],
)
def test_a_variable_that_is_refused_is_named(name: str, value: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        load_settings(env={f"AGENT_RUNNER_{name}": value})
    assert caught.value.code == "invalid_config"
    assert f"AGENT_RUNNER_{name}" in (caught.value.hint or "")
