"""A run that an account's limit fails: its code, what to do, and when the limit ends."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from agent_runner.agents.resets import reset_time
from tests.cli.test_commands import call
from tests.conftest import Script, Service

SAID = "You've hit your session limit · resets 8pm (America/New_York)"


def limit(status: str = "rejected", **fields: Any) -> dict[str, Any]:
    line = {"type": "rate_limit_event", "rate_limit_info": {"status": status, **fields}}
    return {"line": json.dumps(line)}


def soon(seconds: int) -> tuple[int, str]:
    at = int(time.time()) + seconds
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return at, moment.replace("+00:00", "Z")


def failed(service: Service, script: Script) -> dict[str, Any]:
    body: dict[str, Any] = service.run(script).json()
    run = body.get("run", body)
    assert not run["success"]
    assert run["hint"]
    return dict(run)


def test_the_run_its_answer_its_event_and_the_terminal_say_when(idle: Service) -> None:
    script: Script = [{"error": SAID, "status": 429}]
    expected = reset_time(SAID, datetime.now(UTC))
    assert expected is not None
    text = expected.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    run = failed(idle, script)
    assert (run["code"], run["resetsAt"]) == ("rate_limited", text)
    assert "resetsAt" in run["hint"]
    with idle.client() as client:
        assert client.get(f"/runs/{run['runId']}").json()["resetsAt"] == text
        stream = client.get(f"/runs/{run['runId']}/events").text
    events = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: ")]
    assert events[-1]["resetsAt"] == text
    _, _, err = call(idle, "exec", "worker", json.dumps(script))
    assert f"resets at: {text}" in err


def test_the_windows_of_claude_code_count_before_its_words(idle: Service) -> None:
    """Each line is of one window; all that are used up have to open again."""
    (week, week_text), (hours, _) = soon(90_000), soon(3_600)
    lines = [
        limit(rateLimitType="seven_day", resetsAt=week),
        limit(rateLimitType="five_hour", resetsAt=hours),
    ]
    assert failed(idle, [*lines, {"error": SAID, "status": 429}])["resetsAt"] == week_text
    overage, overage_text = soon(600)
    more: dict[str, Any] = {"overageStatus": "rejected", "overageResetsAt": overage}
    again = limit(rateLimitType="seven_day", resetsAt=week, **more)
    over = limit("allowed", rateLimitType="five_hour", resetsAt=hours)
    run = failed(idle, [again, over, {"error": SAID, "status": 429}])
    assert run["resetsAt"] == overage_text


@pytest.mark.parametrize("at", [1, 0, -1, 1764547200, 1e300, 9999999999, None])
def test_a_time_that_cannot_be_is_left_out(idle: Service, at: float | None) -> None:
    script: Script = [
        limit(rateLimitType="five_hour", resetsAt=at),
        {"error": "You've hit your limit · resets 8pm (Mars/Olympus)", "status": 429},
    ]
    run = failed(idle, script)
    assert (run["code"], run["resetsAt"]) == ("rate_limited", None)
    idle.begin_anew()


def test_a_run_that_ends_well_has_none(idle: Service) -> None:
    at, _ = soon(3_600)
    run = idle.run([limit(rateLimitType="five_hour", resetsAt=at), {"text": "done"}]).json()
    assert (run["success"], run["resetsAt"]) == (True, None)


@pytest.mark.parametrize(
    ("said", "status", "code", "hint"),
    [
        ("API Error: 400 This organization has been disabled.", 400, "auth_required", "key"),
        ("You have reached your specified API usage limits.", 400, "rate_limited", "spend limit"),
        ("Slow down: https://console.anthropic.com/settings/billing", 429, "rate_limited", "wait"),
        ("Your group's usage limit is set to $0", 429, "billing", "admin"),
        ("Your organization has disabled API key authentication", 403, "auth_required", "key"),
    ],
)
def test_words_of_an_account(idle: Service, said: str, status: int, code: str, hint: str) -> None:
    idle.begin_anew()
    run = failed(idle, [{"error": said, "status": status}])
    assert run["code"] == code
    assert hint in run["hint"]
    with idle.client() as client:
        client.post("/agents/worker/circuit/reset", json={})
