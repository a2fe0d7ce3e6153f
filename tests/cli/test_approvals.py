"""agent-runner approvals against a running service."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent_runner.cli.approvals import _line
from agent_runner.cli.terminal import ExitCode
from tests.api.test_approvals import ApprovalRequest
from tests.cli.test_commands import call
from tests.conftest import Service
from tests.helpers.asking import COMMAND, ran


def test_list_show_and_approve(live: Service, tmp_path: Path) -> None:
    assert call(live, "approvals", "list")[1] == "Nothing waits for a decision.\n"
    asking = ApprovalRequest(live, tmp_path / "log")
    name = asking.approval["approvalId"]
    code, out, _ = call(live, "approvals", "list")
    assert (code, name in out, "touch made.txt" in out) == (ExitCode.OK, True, True)
    assert json.loads(call(live, "approvals", "list", "--json")[1])["approvals"] == [
        asking.approval
    ]
    code, out, _ = call(live, "approvals", "show", name)
    assert code == ExitCode.OK
    assert asking.approval["inputHash"] in out
    assert '{"command": "touch made.txt"}' in out
    code, _, err = call(live, "approvals", "approve", name, "--hash", "0000")
    assert (code, "approval_changed" in err) == (ExitCode.FAILED, True)
    begin = asking.approval["inputHash"][:8]
    code, out, _ = call(live, "approvals", "approve", name, "--hash", begin, "--by", "ann")
    assert (code, out.splitlines()[-1]) == (ExitCode.OK, "approved by ann")
    assert asking.finish()["content"] == "went on"
    assert ran(tmp_path / "log") == [COMMAND]
    code, _, err = call(live, "approvals", "reject", name)
    assert (code, "approval_decided" in err) == (ExitCode.FAILED, True)
    assert "approved" in call(live, "approvals", "list", "--all")[1]


def test_reject_and_change(live: Service, tmp_path: Path) -> None:
    asking = ApprovalRequest(live, tmp_path / "log")
    name = asking.approval["approvalId"]
    code, out, _ = call(live, "approvals", "extend", name, "--minutes", "5")
    assert (code, out.startswith("expires ")) == (ExitCode.OK, True)
    code, out, _ = call(live, "approvals", "reject", name, "-m", "no", "--by", "bob")
    assert (code, out) == (ExitCode.OK, "rejected by bob\n")
    asking.finish()
    asking = ApprovalRequest(live, tmp_path / "log")
    name = asking.approval["approvalId"]
    for wrong in ("{", "[]"):
        code, _, err = call(live, "approvals", "approve", name, "--input", wrong)
        assert (code, "invalid_input" in err) == (ExitCode.FAILED, True)
    code, _, err = call(live, "approvals", "approve", name, "--answer", "nothing")
    assert (code, "invalid_answer" in err) == (ExitCode.FAILED, True)
    other = {"command": "touch other.txt"}
    assert call(live, "approvals", "approve", name, "--input", json.dumps(other))[0] == 0
    asking.finish()
    assert ran(tmp_path / "log") == [other]


def test_watch_shows_what_waits_and_what_happens(service: Service, tmp_path: Path) -> None:
    service.register()
    asking = ApprovalRequest(service, tmp_path / "log")
    name = asking.approval["approvalId"]
    argv = [sys.executable, "-m", "agent_runner.cli.main", "approvals", "watch"]
    env = {**os.environ, "AGENT_RUNNER_URL": service.url, "AGENT_RUNNER_TOKEN": service.token}
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True) as watcher:
        assert watcher.stdout is not None
        assert name in watcher.stdout.readline()
        call(service, "approvals", "reject", name)
        line = watcher.stdout.readline()
        assert (line.split()[:2], line.split()[-1]) == (["resolved", name], "rejected")
        asking.finish()
        service.stop()
        watcher.wait(30)


def test_watch_says_that_the_service_has_stopped(service: Service, tmp_path: Path) -> None:
    service.register()
    asking = ApprovalRequest(service, tmp_path / "log")
    argv = [sys.executable, "-m", "agent_runner.cli.main", "approvals", "watch"]
    env = {**os.environ, "AGENT_RUNNER_URL": service.url, "AGENT_RUNNER_TOKEN": service.token}
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True) as watcher:
        assert watcher.stdout is not None
        assert asking.approval["approvalId"] in watcher.stdout.readline()
        service.process.terminate()
        assert watcher.wait(30) == ExitCode.UNREACHABLE


def test_a_question_is_one_line_of_what_is_watched(capsys: pytest.CaptureFixture[str]) -> None:
    question = "ok?\nresolved  appr_2  prod: deploy approved"
    approval = {"approvalId": "appr_1", "agentId": "a", "state": "pending", "question": question}
    _line("approval.requested", approval, as_json=False)
    assert len(capsys.readouterr().out.splitlines()) == 1
