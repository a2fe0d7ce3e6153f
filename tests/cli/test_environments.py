"""Environments that nobody thinks of: no home, no rights, streams that close."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agent_runner.cli.main import _PLACES
from agent_runner.cli.standard import READER_GONE
from tests.conftest import SCRIPTED, Service
from tests.helpers import stranger

CLI = ["-m", "agent_runner.cli.main"]
CLIENTS = [
    ["agents", "list"],
    ["agents", "show", "demo"],
    ["exec", "demo", "Hello"],
    ["conversations", "list", "demo"],
    ["search", "hello"],
    ["usage"],
    ["approvals", "list"],
    ["fallback", "status"],
    ["shadow", "report"],
    ["circuits", "list"],
    ["tickets", "pending", "demo"],
    ["sessions"],
    ["link"],
    ["db", "stats"],
    ["doctor"],
    ["agents", "list", "--json"],
]
NO_SERVICE = ["serve", "tui", "attach", "wrap", "bench", "load"]


def test_every_command_is_tried() -> None:
    assert {words[0] for words in CLIENTS} | set(NO_SERVICE) == set(_PLACES)


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that everybody may use."""
    with TemporaryDirectory(prefix="agent-runner-") as name:
        os.chmod(name, 0o777)
        yield Path(name)


# --- a user whom the system does not know ---------------------------------------------------------


@pytest.mark.parametrize("words", [*CLIENTS, ["serve"], ["db", "check"]], ids=" ".join)
def test_without_a_home_it_is_said_what_to_set(folder: Path, words: list[str]) -> None:
    code, out, err = stranger.run([*CLI, *words], {}, folder)
    assert code == 1
    assert "no_home" in err + out
    assert "AGENT_RUNNER_STATE_DIR" in err + out
    assert "Traceback" not in err


def test_without_a_home_it_serves_from_a_state_folder(folder: Path) -> None:
    words = ["serve", "--port", "0", "--state-dir", str(folder / "state")]
    process = stranger.popen([*CLI, *words], {}, folder)
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Ready"):
            break
    url = lines[0].split()[-1]
    env = {"AGENT_RUNNER_STATE_DIR": str(folder / "state")}
    code, _, err = stranger.run([*CLI, "exec", "demo", "Hello"], env, folder)
    assert code == 0
    assert "Traceback" not in err
    token = (folder / "state" / "token").read_text().strip()
    env = {"AGENT_RUNNER_URL": url, "AGENT_RUNNER_TOKEN": token}
    assert stranger.run([*CLI, "agents", "list"], env, folder)[0] == 0
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in err


# --- a state folder that is another's ------------------------------------------------------


def serve(folder: Path, state: Path) -> tuple[int, str, str]:
    return stranger.run([*CLI, "serve", "--port", "0", "--state-dir", str(state)], {}, folder)


@pytest.mark.parametrize("what", ["above", "root", "token", "agent-runner.db", "raw", "lock"])
def test_a_state_folder_of_another_user_is_told_with_its_owner(folder: Path, what: str) -> None:
    stranger.interpreter()
    state = folder / "above" / "state"
    state.mkdir(parents=True)
    for path in (state.parent, state):
        path.chmod(0o755)  # whatever the umask of an earlier test
    os.chown(state, stranger.UID, stranger.UID)
    taken = {"above": state.parent, "root": state}.get(what, state / what)
    if what in ("above", "root"):
        os.chown(taken, 0, 0)
        if what == "above":
            state.rmdir()
    elif what == "raw":
        taken.mkdir(mode=0o700)
    else:
        taken.touch(mode=0o600)
    code, _, err = serve(folder, state)
    assert code == 1
    assert "state_dir_unusable" in err
    assert f"{taken} belongs to root" in err
    assert f"this is uid {stranger.UID}" in err
    assert "Traceback" not in err


def test_a_state_folder_that_is_no_folder(folder: Path) -> None:
    (folder / "file").touch()
    code, _, err = serve(folder, folder / "file" / "state")
    assert code == 1
    assert "a part of the path is a file" in err


def test_a_state_folder_that_cannot_be_written(folder: Path) -> None:
    code, _, err = serve(folder, Path("/proc/agent-runner"))
    assert code == 1
    assert "state_dir_unusable" in err
    assert "hint:" in err


@pytest.mark.parametrize("words", [["db", "check"], ["db", "repair"]])
def test_the_offline_commands_say_so_too(folder: Path, words: list[str]) -> None:
    stranger.interpreter()
    state = folder / "state"
    state.mkdir(mode=0o700)
    os.chown(state, stranger.UID, stranger.UID)
    (state / "agent-runner.db").touch(mode=0o600)
    code, out, err = stranger.run([*CLI, *words, "--state-dir", str(state)], {}, folder)
    assert code == 1, err
    assert "belongs to root" in err + out
    assert "Traceback" not in err


# --- streams that close ---------------------------------------------------------------


def command(service: Service, words: list[str]) -> tuple[list[str], dict[str, str]]:
    env = {**service.env, "AGENT_RUNNER_STATE_DIR": str(service.state_dir)}
    return [sys.executable, *CLI, *words], env


@pytest.fixture(scope="module")
def live(module_service: Callable[..., Service]) -> Service:
    return module_service()


@pytest.mark.parametrize("words", [*CLIENTS, ["--help"], ["--version"]], ids=" ".join)
@pytest.mark.parametrize("how", ["reader gone", "closed", "no stdin", "full", "all closed"])
def test_a_stream_that_closes_makes_no_noise(live: Service, words: list[str], how: str) -> None:
    argv, env = command(live, words)
    shell = {
        "reader gone": 'set +e; exec 3>&1; { "$@" 3>&-; echo $? >&3; } | :',
        "closed": '"$@" >&-; echo $?',
        "no stdin": '"$@" <&- >/dev/null; echo $?',
        "full": '"$@" >/dev/full; echo $?',
        "all closed": '"$@" <&- >&- 2>&-; echo $?',
    }[how]
    done = subprocess.run(
        ["bash", "-c", shell, "bash", *argv], env=env, capture_output=True, text=True, check=False
    )
    code = int(done.stdout.split()[-1])
    well = (0, 1) if words == ["doctor"] else (0,)
    if how == "full":
        assert code == 1
        assert "error: [Errno 28] standard output: No space left on device\n" in done.stderr
        assert "Exception" not in done.stderr
        return
    assert code in (READER_GONE, *well) if how == "reader gone" else code in well
    assert done.stderr == "" or words[0] == "exec"
    assert "Exception" not in done.stderr


def test_the_service_goes_on_when_its_readers_are_gone(tmp_path: Path) -> None:
    words = ["serve", "--port", "0", "--state-dir", str(tmp_path / "state")]
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    env["PYTHONPATH"] = str(SCRIPTED.parents[2])
    process = subprocess.Popen(
        [sys.executable, *CLI, *words],
        env=env,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert "listens on" in process.stdout.readline()
    process.stdout.close()
    env["AGENT_RUNNER_STATE_DIR"] = str(tmp_path / "state")
    asked = [sys.executable, *CLI, "exec", "demo", "Hello"]
    done = subprocess.run(asked, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    process.send_signal(signal.SIGTERM)
    err = process.stderr.read()
    assert process.wait(30) == 0
    process.stderr.close()
    assert "Traceback" not in err
    assert "Exception ignored" not in err


def test_nothing_of_ours_gets_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    """What a program prints would else stand in the database."""
    words = ["serve", "--port", "0", "--state-dir", str(tmp_path / "state")]
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    env["PYTHONPATH"] = str(SCRIPTED.parents[2])
    process = subprocess.Popen(
        ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, *CLI, *words],
        env=env,
        cwd=tmp_path,
    )
    try:
        asked = [sys.executable, *CLI, "exec", "demo", "Hello"]
        given = {**env, "AGENT_RUNNER_STATE_DIR": str(tmp_path / "state")}
        while not (tmp_path / "state" / "url").exists():
            assert process.poll() is None
        done = subprocess.run(asked, env=given, capture_output=True, text=True, check=False)
        assert done.returncode == 0
        for number in range(3):
            assert os.readlink(f"/proc/{process.pid}/fd/{number}") == os.devnull
    finally:
        process.terminate()
        assert process.wait(30) == 0
