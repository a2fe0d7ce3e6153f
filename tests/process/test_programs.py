"""Finding programs and asking their versions."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import psutil
import pytest

from agent_runner.agents.registry import INSTALL_FOLDERS
from agent_runner.process.programs import Versions, find, output, version_in
from agent_runner.process.warden import Warden

pytestmark = pytest.mark.anyio


def make(path: Path, script: str = "exit 0") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_path_comes_before_the_usual_places(home: Path) -> None:
    usual = make(home / ".local/bin/claude")
    on_path = make(home / "bin/claude")
    assert find("claude", {"PATH": str(home / "bin")}) == on_path
    assert find("claude", {"PATH": str(home / "nothing")}) == usual


@pytest.mark.parametrize(
    "place",
    [
        ".local/bin",
        ".claude/local",
        ".npm-global/bin",
        ".bun/bin",
        ".nvm/versions/node/v22.1.0/bin",
        ".volta/bin",
    ],
)
def test_usual_places(home: Path, place: str) -> None:
    made = make(home / place / "some-cli-of-ours")
    assert find("some-cli-of-ours", {"PATH": ""}, folders=INSTALL_FOLDERS) == made


def test_a_home_that_path_cannot_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "a:b"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "b/.local/bin/some-cli-of-ours")
    assert find("some-cli-of-ours", {"PATH": ""}) is None
    made = make(home / ".local/bin/some-cli-of-ours")
    assert find("some-cli-of-ours", {"PATH": ""}) == made


def test_the_newest_node_comes_first(home: Path) -> None:
    """By its numbers: 9 is older than 22, and 9.9 older than 9.11."""
    for version in ("v9.9.9", "v9.11.0", "v22.9.0", "v22.11.1"):
        made = make(home / f".nvm/versions/node/{version}/bin/some-cli-of-ours")
        assert find("some-cli-of-ours", {"PATH": ""}) == made
    make(home / ".nvm/versions/node/v20.9.9/bin/some-cli-of-ours")
    assert find("some-cli-of-ours", {"PATH": ""}) == made


async def test_what_lies_beside_a_program_is_for_it(warden: Warden, home: Path) -> None:
    """An interpreter that `#!/usr/bin/env` is to find, where PATH has none or an older one."""
    nvm = home / ".nvm/versions/node/v22.1.0"
    make(nvm / "bin/some-node", 'echo 22.1.0 with "$1"')
    make(home / "old/some-node", "echo 1.0.0")
    script = nvm / "lib/node_modules/cli/cli.js"
    script.parent.mkdir(parents=True)
    script.write_text("#!/usr/bin/env some-node\n")
    script.chmod(0o755)
    link = nvm / "bin/some-cli"
    link.symlink_to(script)
    for path in (os.defpath, f"{home}/old{os.pathsep}{os.defpath}"):
        found = find("some-cli", {"PATH": path})
        assert found == link
        assert await Versions(warden).of(found, [], {"PATH": path}) == "22.1.0"


def test_what_cannot_run_is_not_found(home: Path) -> None:
    plain = home / "bin/claude"
    make(plain).chmod(0o644)
    assert find("some-cli-of-ours", {"PATH": str(home / "bin")}) is None
    assert find(str(plain), {}) is None
    assert find(str(home / "bin"), {}) is None
    assert find(str(home / "nothing"), {}) is None


def test_a_path_is_itself(home: Path) -> None:
    made = make(home / "x y/claude")
    assert find(str(made), {"PATH": ""}) == made
    assert find("~/x y/claude", {"PATH": ""}) == made


def test_a_program_is_found_from_everywhere(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative folder in PATH, and a relative path from the folder that it is meant from."""
    made = make(home / "bin/some-cli")
    monkeypatch.chdir(home)
    assert find("some-cli", {"PATH": "bin"}) == made
    assert find("./bin/some-cli", {}) == home / "./bin/some-cli"
    assert find("./some-cli", {}, str(home / "bin")) == made
    assert find("./some-cli", {}) is None


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("2.1.197 (Claude Code)\n", "2.1.197"),
        ("0.31.0-preview.1", "0.31.0-preview.1"),
        ("v1.2", "1.2"),
        ("error: 5 things", None),
        ("", None),
    ],
)
def test_versions_in_texts(text: str, version: str | None) -> None:
    assert version_in(text) == version


async def test_each_file_is_asked_once(warden: Warden, tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    cli = make(tmp_path / "cli", f'echo x >> "{asked}"; sleep 0.05; echo "$1 1.2.3"')
    versions = Versions(warden)
    found: list[str | None] = []

    async def ask() -> None:
        found.append(await versions.of(cli, ["--version"], os.environ))

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(ask)
    assert found == ["1.2.3"] * 10
    assert asked.read_text() == "x\n"
    make(cli, f'echo x >> "{asked}"; echo 1.3.0')
    os.utime(cli, ns=(1, 1))
    assert await versions.of(cli, [], os.environ) == "1.3.0"
    assert asked.read_text() == "x\nx\n"


async def test_no_version_is_none(warden: Warden, tmp_path: Path) -> None:
    versions = Versions(warden)
    assert await versions.of(tmp_path / "nothing", [], {}) is None
    assert await versions.of(make(tmp_path / "bad", "echo 1.2.3; exit 3"), [], {}) is None
    assert await versions.of(make(tmp_path / "mute"), [], {}) is None


async def test_a_command_that_hangs_is_ended(warden: Warden, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    cli = make(tmp_path / "cli", f'echo $$ > "{pid_file}"; echo 1.0; exec sleep 4711')
    assert await output(warden, [str(cli)], os.environ, timeout=1) == (None, "")
    assert not psutil.pid_exists(int(pid_file.read_text()))


async def test_a_flood_is_not_read_to_its_end(warden: Warden, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    cli = make(tmp_path / "cli", f'echo $$ > "{pid_file}"; exec yes')
    assert await output(warden, [str(cli)], os.environ, timeout=1) == (None, "")
    assert not psutil.pid_exists(int(pid_file.read_text()))


async def test_a_command_that_does_not_start(warden: Warden, tmp_path: Path) -> None:
    assert await output(warden, [str(tmp_path / "nothing")], {}) == (None, "")
