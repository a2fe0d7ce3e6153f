"""The state folder: one service at a time, and nobody else's eyes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent_runner.app.state_dir import StateDir
from agent_runner.errors import UnavailableError
from tests.conftest import Service


def test_a_second_service_is_refused(service: Service) -> None:
    argv = [sys.executable, "-m", "agent_runner.cli.main", "serve", "--port", "0"]
    done = subprocess.run(
        [*argv, "--state-dir", str(service.state_dir)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "[state_dir_in_use]" in done.stderr
    assert str(service.process.pid) in done.stderr
    assert "Traceback" not in done.stderr
    assert service.run("still here").json()["success"] is True


def test_the_folder_is_free_after_a_crash(service: Service) -> None:
    service.process.kill()
    service.process.wait()
    service.restart()
    assert service.run("again").json()["success"] is True


def test_all_of_it_is_for_its_owner_alone(service: Service) -> None:
    service.run("hello")
    for path in [service.state_dir, *service.state_dir.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_damaged_database_is_refused_with_advice(make_service: Callable[..., Service]) -> None:
    service = make_service()
    service.stop()
    database = service.state_dir / "agent-runner.db"
    database.write_bytes(b"nonsense" * 1000)
    with pytest.raises(AssertionError, match="database_corrupt") as caught:
        service.start()
    assert "Traceback" not in str(caught.value)
    assert service.process.wait(20) == 1
    assert database.read_bytes() == b"nonsense" * 1000


def test_claims_in_one_process(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "a" / "state")
    with state.claim(), pytest.raises(UnavailableError) as caught, state.claim():
        raise AssertionError("claimed twice")
    assert caught.value.code == "state_dir_in_use"
    with state.claim():
        assert state.token() == state.token()
        assert state.token_file.stat().st_mode & 0o777 == 0o600


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    state = StateDir(tmp_path / "file" / "state")
    with pytest.raises(UnavailableError) as caught, state.claim():
        raise AssertionError("claimed a file")
    assert caught.value.code == "state_dir_unusable"


def test_an_empty_token_file_is_as_good_as_none(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    state.token_file.touch()
    token = state.token()
    assert len(token) >= 16
    assert state.token() == token
    assert state.token_file.stat().st_mode & 0o777 == 0o600


def test_the_address_is_kept_while_the_service_listens(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    with state.claim():
        with state.address("http://127.0.0.1:1"):
            assert state.url_file.read_text() == "http://127.0.0.1:1\n"
            assert state.url_file.stat().st_mode & 0o777 == 0o600
        assert not state.url_file.exists()
        state.url_file.mkdir()
        with state.address("http://127.0.0.1:1"):
            pass  # it cannot be kept, and that is all
