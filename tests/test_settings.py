"""Settings: file, then variables, then flags; what is wrong is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent_runner.app.configuration import _VARIABLES, CONFIG_VARIABLE, load_settings
from agent_runner.errors import BadRequestError

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
    for variable, where in _VARIABLES.items():
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
