"""What strangers say does nothing to the terminal that the log is read in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent_runner.app.log_format import MaskedValues, plain_values
from agent_runner.plain_text import clean
from agent_runner.runners.secrets import Secrets
from tests.conftest import Service

EVIL = "why\x1b]52;c;cHduZWQ=\x07\x1b[2J\x9b31m\rfake\u202e\u2028x"


def test_values_are_cleaned_whatever_they_are() -> None:
    event = plain_values(
        None,
        "info",
        {"event": EVIL, "error": ValueError(EVIL), "list": [EVIL], "n": 1, "none": None, "b": True},
    )
    assert (event["n"], event["none"], event["b"]) == (1, None, True)
    for name in ("event", "error", "list"):
        assert event[name] == clean(str(event[name]))
        assert "\x1b" not in event[name]


@pytest.fixture
def service(make_service: Callable[..., Service]) -> Service:
    return make_service()


def test_a_toggles_reason_in_the_log(service: Service) -> None:
    service.register()
    with service.client() as client:
        body = {"type": "claude-code", "reason": EVIL, "by": EVIL}
        assert client.post("/api/fallback/cli/disable", json=body).status_code == 200
        body = {"agentId": "worker", "reason": EVIL, "by": EVIL, "mode": "headless"}
        assert client.post("/api/fallback/agent/force", json=body).status_code == 200
        client.get("/health", headers={"Host": "evil\x1b.com"})
    service.stop()
    assert "toggle" in service.output
    for character in "\x1b\x07\x9b\r\u202e\u2028":
        assert character not in service.output


def test_the_token_is_not_told_to_a_file_or_a_pipe(service: Service) -> None:
    assert f"token   in {service.state_dir}/token" in service.output
    assert len(service.token) == 32
    service.stop()
    assert service.token not in service.output


def test_a_secret_is_in_no_line() -> None:
    secrets = Secrets()
    secrets.of({"env": {"TRACKER": "s3cr3t-0123456789"}})
    event = {"event": "x", "error": "it said s3cr3t-0123456789", "count": 3}
    masked = MaskedValues(secrets)(None, "error", event)
    assert masked == {"event": "x", "error": f"it said {'*' * 17}", "count": 3}
