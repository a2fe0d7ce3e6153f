"""Paths are meant from the folder of whoever names them, in whatever folder they are used."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_commands import command
from tests.conftest import Service

CHECKED = """#!/bin/sh
for word in "$@"; do
  case "$word" in
    --mcp-config=*|--append-system-prompt-file=*)
      [ -s "${word#*=}" ] || { echo "no file: $word" >&2; exit 9; } ;;
  esac
done
exec "%s" "$@"
"""


@pytest.fixture
def checking(tmp_path: Path, fake_claude: Path) -> Path:
    """The scripted CLI, which first looks for the files that it is given."""
    path = tmp_path / "checking-claude"
    path.write_text(CHECKED % fake_claude)
    path.chmod(0o755)
    return path


@pytest.fixture
def relative(
    make_service: Callable[..., Service], checking: Path, tmp_path: Path
) -> Iterator[Service]:
    """A service that is started with `--state-dir` relative to the folder it is started in."""
    service = make_service(programs={"claude-code": str(checking)}, tmux={"enabled": True})
    service.stop()
    shutil.rmtree(service.state_dir)
    service.argv[service.argv.index("--state-dir") + 1] = "state/../state/"
    service.start()
    yield service
    assert not (tmp_path / "work" / "state").exists()


def test_a_relative_home(make_service: Callable[..., Service], tmp_path: Path) -> None:
    """Its programs, which run in other folders, have the same one."""
    service = make_service()
    service.stop()
    at = service.argv.index("--state-dir")
    del service.argv[at : at + 2]
    service.env["HOME"] = "home"
    service.start()
    service.state_dir = tmp_path / "home/.local/state/agent-runner"
    assert str(service.state_dir) in service.output
    assert service.run("Hello", "demo").json()["success"] is True
    work = tmp_path / "work"
    work.mkdir()
    service.register("homely", type="custom", command=["sh", "-c", 'echo "$HOME"'], cwd=str(work))
    assert service.run("x", "homely").json()["content"].strip() == str(tmp_path / "home")


OPTIONS: dict[str, Any] = {
    "systemPrompt": "be brief",
    "mcpServers": {"x": {"command": "true"}},
}


def test_a_relative_state_folder(relative: Service, tmp_path: Path) -> None:
    assert relative.run("Hello", "demo").json()["success"] is True
    work = tmp_path / "work"
    work.mkdir()
    for mode in ("headless", "tmux", "shadow"):
        if mode != "headless" and shutil.which("tmux") is None:
            continue
        relative.register(mode, cwd=str(work), commMode=mode, **OPTIONS)
        run = relative.run("hello", mode).json()
        assert (run["success"], run["content"]) == (True, "echo: hello"), run
    assert (tmp_path / "state" / "agent-runner.db").exists()


def test_the_state_folder_of_a_variable(relative: Service) -> None:
    """The console command finds it from where it is called."""
    relative.argv[relative.argv.index("--state-dir") :] = relative.argv[-2:]
    relative.env["AGENT_RUNNER_STATE_DIR"] = "./state"
    relative.restart()
    assert relative.run("Hello", "demo").json()["success"] is True


def test_an_empty_state_folder_is_refused(tmp_path: Path) -> None:
    for words in (("serve", "--state-dir", ""), ("exec", "--state-dir", " ", "demo", "x")):
        done = command(*words)
        assert done.returncode == 2
        assert b"empty path" in done.stderr
        assert b"Traceback" not in done.stderr


def test_a_program_of_an_agent_is_meant_from_its_folder(service: Service, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    program = work / "answer.sh"
    program.write_text("#!/bin/sh\ncat >/dev/null; echo from $PWD\n")
    program.chmod(0o755)
    service.register("tool", type="custom", cwd=str(work), command=["./answer.sh"])
    run = service.run("hello", "tool").json()
    assert (run["success"], run["content"].strip()) == (True, f"from {os.path.realpath(work)}")
