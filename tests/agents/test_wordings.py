"""What CLIs say when a turn fails: each row of the table, and what outranks it."""

from __future__ import annotations

import json

import pytest

from agent_runner.agents.failures import code_for, code_for_text, readable
from agent_runner.agents.wordings.row import Wording
from agent_runner.agents.wordings.table import WORDINGS, wording_of
from agent_runner.runs.hints import HINTS
from conversation_store.codes import FailureCode
from tests.agents import wordings_table

ROWS = [(cli, wording) for cli, wordings in WORDINGS.items() for wording in wordings]
IDS = [f"{cli}: {wording.said[:60]}" for cli, wording in ROWS]


@pytest.mark.parametrize(("cli", "row"), ROWS, ids=IDS)
def test_a_row_finds_its_own_words(cli: str, row: Wording) -> None:
    assert wording_of(row.said) is row
    assert code_for_text(row.said) == row.code
    assert code_for(row.status, f"API Error: {row.said}") == row.code
    assert row.source
    assert row.hint or row.code in HINTS


@pytest.mark.parametrize(("cli", "row"), ROWS, ids=IDS)
def test_a_sure_status_is_overruled_by_exact_words_only(cli: str, row: Wording) -> None:
    for status, code in ((401, "auth_required"), (404, "model_not_found"), (429, "rate_limited"),
                         (529, "overloaded")):  # fmt: skip
        found = wording_of(row.said, code)
        assert found is None or code in (found.code, *found.over)
        assert code_for(status, row.said) == (code if found is None else found.code)


@pytest.mark.parametrize(
    ("status", "text", "code"),
    [
        (400, "This organization has been disabled.", "auth_required"),
        (400, "You have reached your specified API usage limits.", "rate_limited"),
        (400, "You have reached your specified workspace API usage limits.", "rate_limited"),
        (429, "Too many; see https://console.anthropic.com/settings/billing", "rate_limited"),
        (401, "invalid key, manage your billing and quota here", "auth_required"),
        (404, "no such model; rate limits and billing are listed there", "model_not_found"),
        (529, "Overloaded. Payment required? No.", "overloaded"),
        (402, "too many requests", "billing"),
        (500, "quota service failed: rate limit", "rate_limited"),
        (None, "API Error: 429 see the billing page", "rate_limited"),
        (None, '{"error":{"code":429,"message":"plan and billing details"}}', "rate_limited"),
        (None, '{"type":"rate_limit_error","message":"see billing"}', "rate_limited"),
        (None, "You\u2019re out of extra usage · resets 8pm", "rate_limited"),
        (None, "Your account's usage limit is set to $50", "billing"),
        (None, "OAuth token has been revoked", "auth_required"),
        (None, "API keys have been disabled by the organisation", "auth_required"),
        (400, "OAuth token has expired", "auth_required"),
        (None, "API Error: Request rejected (429) - see the billing page", "rate_limited"),
        (None, "Your organization disabled the use of API keys", "auth_required"),
        (403, "Your organisation does not allow API keys", "auth_required"),
        (400, "Your account has been suspended after a review", "auth_required"),
        (None, "Limit reached · resets 12am (America/Sao_Paulo) · /upgrade", "rate_limited"),
        (None, "Your usage limit resets Dec 31 at 11:59pm", "rate_limited"),
        (429, "Usage credits are required for long context requests.", "billing"),
        (None, "Could not load credentials from any providers", "auth_required"),
        (403, "You don't have access to the model with the specified model ID.", "model_not_found"),
        (403, "API Error: 403 <html>\n<title>403 Forbidden</title>", "connection_failed"),
        (403, "API Error: 403 <!DOCTYPE html><title>Just a moment...", "connection_failed"),
        (404, "API Error: 404 page not found", "connection_failed"),
        (407, "API Error: 407", "connection_failed"),
        (502, "API Error: 502 <html><title>502 Bad Gateway</title></html>", "api_error"),
        (529, "API Error: 529 <html><title>Site is overloaded</title></html>", "overloaded"),
        (None, "API Error: unable to get local issuer certificate", "connection_failed"),
        (None, "API Error: SELF_SIGNED_CERT_IN_CHAIN", "connection_failed"),
        (None, "API Error: Stream idle timeout - partial response", "connection_failed"),
        (None, "Error: 401 status code (no body)", "auth_required"),
        (None, "Error: 402 status code (no body)", "billing"),
        (None, "RateLimitError: 429 slow down", "rate_limited"),
        (None, "HTTP/1.1 503 Service Unavailable", "overloaded"),
        (None, "pyenv: claude: command not found", "cli_not_found"),
        (None, "/usr/bin/env: \u2018node\u2019: No such file or directory", "spawn_failed"),
    ],
)
def test_what_outranks_what(status: int | None, text: str, code: str) -> None:
    assert code_for(status, text) == code


def test_what_the_cli_says_of_its_failure_counts_as_a_status_does() -> None:
    text = "see the billing page"
    assert code_for(None, text, FailureCode.RATE_LIMITED) == "rate_limited"
    assert code_for(400, text, FailureCode.INVALID_REQUEST) == "billing"
    assert code_for(400, "nothing known", FailureCode.INVALID_REQUEST) == "invalid_request"


def test_a_time_to_wait_is_kept_of_an_error_in_json() -> None:
    inner = {
        "error": {
            "code": 429,
            "message": "You exceeded your current quota, please check your plan and billing.",
            "status": "RESOURCE_EXHAUSTED",
            "details": [{"retryDelay": "39s"}],
        }
    }
    outer = {"error": {"message": json.dumps(inner), "code": 429, "status": "Too Many Requests"}}
    for text in (json.dumps(inner), f"[API Error: {json.dumps(outer)}]"):
        assert "39s" in readable(text)
        assert code_for_text(text) == code_for_text(readable(text)) == "rate_limited"
    assert readable('402 {"detail":"the limit"}') == "402 the limit"


def test_the_runbook_has_the_table() -> None:
    text = wordings_table.FILE.read_text("utf-8")
    assert wordings_table.written(text) == text, (
        "the runbook is old: python -m tests.agents.wordings_table"
    )


def test_every_code_but_a_cancel_says_what_to_do() -> None:
    assert set(FailureCode) - set(HINTS) == {FailureCode.CANCELLED}
