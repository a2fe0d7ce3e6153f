"""What a child inherits: names on the list, and never the service's own token."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio
import msgspec
import pytest

from agent_runner.agents.registry import ADAPTERS
from agent_runner.process import programs
from agent_runner.process.environment import COMMON, child_environment, led_by
from agent_runner.process.identity import MARKER
from agent_runner.process.warden import Warden

SECRETS = {
    "AGENT_RUNNER_TOKEN": "service-token",
    "AGENT_RUNNER_CONFIG": "/etc/x",
    "GITHUB_TOKEN": "ghp",
    "DATABASE_URL": "postgres://u:p@h",
    "LD_PRELOAD": "/tmp/x.so",
    "PYTHONPATH": "/tmp/x",
    "NODE_OPTIONS": "--require /tmp/x.js",
    "SSH_AUTH_SOCK": "/tmp/agent",
}


def test_only_names_on_the_list_pass() -> None:
    parent = {**SECRETS, "PATH": "/bin", "HOME": "/h", "LC_ALL": "C", "MY_KEY": "k", "lc_x": "no"}
    env = child_environment(parent, ["MY_KEY", "ABSENT"])
    assert env == {"PATH": "/bin", "HOME": "/h", "LC_ALL": "C", "MY_KEY": "k"}


def test_later_layers_win() -> None:
    env = child_environment({"PATH": "/bin"}, [], {"A": "1", "PATH": "/x"}, {"A": "2"})
    assert env == {"A": "2", "PATH": "/x"}


def test_the_service_token_passes_by_no_way() -> None:
    name = "AGENT_RUNNER_TOKEN"
    assert child_environment({name: "t"}, [name], {name: "t"}, {name: "t"}) == {}


@pytest.mark.parametrize("agent_type", ADAPTERS)
def test_no_cli_asks_for_what_is_not_its_own(agent_type: str) -> None:
    allowed = set(ADAPTERS[agent_type].variables)
    assert not allowed & set(SECRETS)
    assert not set(COMMON) & set(SECRETS)


def test_a_real_child_sees_just_this(warden: Warden) -> None:
    env = child_environment({**SECRETS, "PATH": "/bin", "LC_ALL": "C.UTF-8"}, ["MY_KEY"])
    code = "import json, os; print(json.dumps(dict(os.environ)))"

    async def ask() -> tuple[int | None, str]:
        return await programs.output(warden, [sys.executable, "-I", "-S", "-c", code], env)

    exit_code, text = anyio.run(ask)
    assert exit_code == 0
    seen = msgspec.json.decode(text)
    assert seen.pop(MARKER).startswith("probe-")
    assert seen == env


def test_a_path_that_begins_with_the_programs_folders(tmp_path: Path) -> None:
    real = tmp_path / "lib/cli.js"
    link = tmp_path / "bin/cli"
    for folder in (real.parent, link.parent):
        folder.mkdir()
    real.touch()
    link.symlink_to(real)
    env = {"PATH": f"/a:{link.parent}:/usr/bin", "HOME": "/h"}
    led = led_by(env, str(link))
    assert led == {"PATH": f"{link.parent}:{real.parent}:/a:/usr/bin", "HOME": "/h"}
    assert led_by({}, str(link))["PATH"].split(":")[:2] == [str(link.parent), str(real.parent)]


def test_a_folder_of_the_system_stays_behind_the_users(tmp_path: Path) -> None:
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    assert led_by(env, "/usr/bin/no-such-cli") == env
    assert led_by({"PATH": "/a"}, "/usr/bin/no-such-cli")["PATH"] == "/usr/bin:/a"
    assert led_by({"PATH": "/a"}, "no-such-cli")["PATH"].endswith("/a")


def test_a_path_in_a_variable_is_meant_from_the_folder_of_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    parent = {"CLAUDE_CONFIG_DIR": "conf/", "HOME": "/h", "TMPDIR": "", "LANG": "C"}
    env = child_environment(
        parent,
        ("CLAUDE_CONFIG_DIR",),
        {"XDG_DATA_HOME": "own"},
        paths=ADAPTERS["claude-code"].path_variables,
    )
    assert env["CLAUDE_CONFIG_DIR"] == str(tmp_path / "conf")
    assert (env["HOME"], env["TMPDIR"], env["LANG"]) == ("/h", "", "C")
    assert env["XDG_DATA_HOME"] == "own"


def test_a_folder_that_path_cannot_name_is_left_out() -> None:
    """It would be two, the second one in whatever folder the CLI works in."""
    env = {"PATH": "/usr/bin:/bin"}
    assert led_by(env, "/home/ann/a:bin/some-cli") == env
