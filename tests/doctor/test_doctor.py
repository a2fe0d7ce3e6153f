"""The doctor: a report of fixed shape, whatever the machine looks like."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agent_runner.agents.registry import INSTALLED, adapter_for
from agent_runner.cli.main import application
from agent_runner.doctor.login import login_of
from agent_runner.process.warden import Warden

claude_code = partial(login_of, adapter_for("claude-code"))
droid = partial(login_of, adapter_for("factory-droid"))
gemini = partial(login_of, adapter_for("gemini"))


def doctor(tmp_path: Path, **programs: str) -> tuple[int, dict[str, Any]]:
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"programs": programs, "state_dir": str(tmp_path / "no/such")}))
    done = subprocess.run(
        [sys.executable, "-m", "agent_runner.cli.main", "doctor", "--json"],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "AGENT_RUNNER_CONFIG": str(config),
        },
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == b""
    report: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, report


def cli(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_a_machine_with_one_cli(tmp_path: Path) -> None:
    script = (
        'case "$1" in --version) echo "2.1.0 (Claude Code)";; *) echo \'{"loggedIn":true}\';; esac'
    )
    claude = cli(tmp_path / "claude", script)
    missing = str(tmp_path / "missing")
    code, report = doctor(
        tmp_path, **{"claude-code": claude, "gemini": missing, "factory-droid": missing}
    )
    assert code == 0
    assert {finding["name"] for finding in report["machine"]} == {
        "python",
        "sqlite",
        "state folder",
        "containment",
    }
    assert all(f["status"] in ("ok", "warning", "missing") for f in report["machine"])
    found = {finding["type"]: finding for finding in report["clis"]}
    assert (found["claude-code"]["version"], found["claude-code"]["loggedIn"]) == ("2.1.0", True)
    for name in ("gemini", "factory-droid"):
        assert found[name]["path"] is None
        assert found[name]["fix"]


@pytest.mark.parametrize(("version", "newer"), [("99.1.0", True), ("2.1.0", False)])
def test_a_cli_that_is_newer_than_its_recordings_is_said_to_be(
    tmp_path: Path, version: str, *, newer: bool
) -> None:
    script = f'case "$1" in --version) echo "{version}";; *) echo \'{{"loggedIn":true}}\';; esac'
    missing = str(tmp_path / "missing")
    programs = {"gemini": missing, "factory-droid": missing}
    claude = cli(tmp_path / "claude", script)
    _, report = doctor(tmp_path, **{"claude-code": claude, **programs})
    found = {finding["type"]: finding for finding in report["clis"]}
    assert found["claude-code"]["newer"] is newer
    assert found["claude-code"]["recorded"] == adapter_for("claude-code").recorded[0]
    assert found["gemini"]["newer"] is False
    config = {"AGENT_RUNNER_CONFIG": str(tmp_path / "config.yaml")}
    told = CliRunner().invoke(application(["doctor"]), ["doctor"], env=config).stdout
    line = f"Claude Code {version} is newer than {found['claude-code']['recorded']}"
    assert (line in told) is newer


def test_a_machine_with_none_exits_1(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    code, report = doctor(tmp_path, **dict.fromkeys(INSTALLED, missing))
    assert code == 1
    assert [finding["login"] for finding in report["clis"]] == ["not installed"] * len(INSTALLED)


@pytest.mark.anyio
async def test_logins_are_told_by_what_is_there(warden: Warden, tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path)}
    path = tmp_path / "cli"
    assert (await gemini(warden, path, env))[0] is False
    assert (await gemini(warden, path, {**env, "GEMINI_API_KEY": "k"}))[0] is True
    (tmp_path / ".gemini").mkdir()
    for broken in ("", "{", "[]", '{"security": 1}', '{"security": {}}'):
        (tmp_path / ".gemini/settings.json").write_text(broken)
        assert (await gemini(warden, path, env))[0] is False
    assert (await droid(warden, path, env))[0] is False
    assert (await droid(warden, path, {**env, "FACTORY_API_KEY": "k"}))[0] is True


@pytest.mark.anyio
@pytest.mark.parametrize(
    "settings", ['{"security": {"auth": null}}', '{"security": null}', '{"security": {"auth": 1}}']
)
async def test_settings_of_another_shape_are_no_login(
    warden: Warden, tmp_path: Path, settings: str
) -> None:
    (tmp_path / ".gemini").mkdir()
    (tmp_path / ".gemini/settings.json").write_text(settings)
    found = await gemini(warden, tmp_path, {"HOME": str(tmp_path)})
    assert found == (False, "no API key")


@pytest.mark.anyio
async def test_a_status_of_another_shape_is_no_answer(warden: Warden, tmp_path: Path) -> None:
    claude = tmp_path / "claude"
    claude.write_text("#!/bin/sh\necho '[]'\n")
    claude.chmod(0o755)
    known, said = await claude_code(warden, claude, {"PATH": os.environ["PATH"]})
    assert (known, said) == (None, "`claude auth status` gave no answer")
