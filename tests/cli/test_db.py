"""agent-runner db: the same through the service and on the folder of a stopped one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agent_runner.cli.main import application
from agent_runner.cli.terminal import ExitCode
from tests.conftest import Service
from tests.helpers.rows import plain


def call(*argv: str, url: str | None = None, state_dir: Path) -> tuple[int, str, str]:
    env = {"AGENT_RUNNER_STATE_DIR": str(state_dir), "AGENT_RUNNER_URL": url}
    done = CliRunner().invoke(application(["db"]), ["db", *argv], env=env)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done.exit_code, done.stdout, done.stderr


Db = Any


@pytest.fixture(params=["through the service", "on the folder"])
def db(request: pytest.FixtureRequest, service: Service) -> Db:
    """Calls `agent-runner db …` on a database with one run."""
    assert service.run("hello").json()["success"] is True
    if request.param == "on the folder":
        service.stop()

    def run(*argv: str) -> tuple[int, str, str]:
        url = service.url if service.process.poll() is None else None
        return call(*argv, url=url, state_dir=service.state_dir)

    return run


def harm(state_dir: Path, *statements: str) -> None:
    with plain(state_dir / "agent-runner.db") as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        for statement in statements:
            connection.execute(statement)


def test_a_database_in_order(db: Db, service: Service) -> None:
    code, out, err = db("check")
    assert (code, err) == (ExitCode.OK, "")
    assert out.startswith("Nothing is wrong (")
    assert json.loads(db("check", "--json")[1])["findings"] == []
    code, out, _ = db("repair")
    assert (code, out.split(" (")[0]) == (ExitCode.OK, "Nothing is wrong")
    code, out, _ = db("vacuum")
    assert code == ExitCode.OK
    assert "MiB before" in out
    code, out, _ = db("backup")
    assert code == ExitCode.OK
    (backup,) = (service.state_dir / "backups").iterdir()
    assert out.startswith(f"{backup}, ")
    assert backup.stat().st_mode & 0o777 == 0o600
    code, out, _ = db("stats")
    assert code == ExitCode.OK
    assert str(backup) in out
    stats = json.loads(db("stats", "--json")[1])
    assert stats["database"]["rows"]["runs"] == 1
    assert stats["backups"]["newest"] == str(backup)
    assert stats["lastVacuum"]["bytesAfter"] > 0


def test_what_is_wrong_is_found_and_mended(db: Db, service: Service) -> None:
    harm(
        service.state_dir,
        "UPDATE conversations SET last_event_seq = 1",
        "DELETE FROM turns WHERE seq = 2",
        "DELETE FROM searched_turns WHERE turn_id NOT IN (SELECT turn_id FROM turns)",
    )
    code, out, _ = db("check")
    assert code == ExitCode.FAILED
    assert "event_counter_behind" in out
    assert "agent-runner db repair" in out
    assert "runbooks/database.md" in out
    report = json.loads(db("check", "--json")[1])
    assert report["counts"] == {"event_counter_behind": 1, "turn_gap": 1}
    code, out, _ = db("repair")
    assert code == ExitCode.FAILED, "the turn is lost"
    assert "turn_gap" in out
    (kept,) = (service.state_dir / "repairs").iterdir()
    assert str(kept) in out
    assert json.loads(kept.read_text())["was"] == 1
    report = json.loads(db("repair", "--json")[1])
    assert (report["repaired"], report["left"]["counts"]) == ([], {"turn_gap": 1})


def test_restore_wants_the_service_stopped(db: Db, service: Service) -> None:
    backup = json.loads(db("backup", "--json")[1])["path"]
    service.start() if service.process.poll() is not None else None
    service.run("not in the backup")
    code, _, err = db("restore", backup)
    assert code == ExitCode.FAILED
    assert "[state_dir_in_use]" in err
    service.stop()
    code, out, _ = db("restore", backup)
    assert code == ExitCode.OK
    assert "is the database now." in out
    (kept,) = (service.state_dir / "aside").rglob("*.db")
    assert str(kept) in out
    assert json.loads(db("stats", "--json")[1])["database"]["rows"]["runs"] == 1
    code, out, _ = db("check")
    assert (code, "raw_without_run" in out) == (ExitCode.FAILED, True), "of the later run"
    assert db("repair")[0] == ExitCode.OK


def test_a_folder_without_a_database_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "nothing"
    for command in ("check", "repair", "vacuum", "backup", "stats"):
        code, out, err = call(command, state_dir=folder)
        assert (code, out) == (ExitCode.FAILED, "")
        assert "[no_database]" in err
    assert not folder.exists()


def test_a_file_that_is_no_backup_is_refused(service: Service, tmp_path: Path) -> None:
    service.stop()
    nonsense = tmp_path / "nonsense"
    nonsense.write_bytes(b"no database" * 1000)
    for file, reason in ((nonsense, "database_corrupt"), (tmp_path / "gone", "no_backup")):
        code, _, err = call("restore", str(file), state_dir=service.state_dir)
        assert code == ExitCode.FAILED
        assert f"[{reason}]" in err
    assert call("check", state_dir=service.state_dir)[0] == ExitCode.OK


def test_the_service_that_uses_the_folder_is_found(service: Service) -> None:
    assert call("check", state_dir=service.state_dir)[0] == ExitCode.OK
    (service.state_dir / "url").write_text("http://127.0.0.1:1")
    code, _, err = call("check", state_dir=service.state_dir)
    assert (code, "[service_unreachable]" in err) == (ExitCode.UNREACHABLE, True)
