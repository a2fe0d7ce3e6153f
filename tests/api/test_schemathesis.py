"""Requests made from /openapi.json, good and bad: each is answered as the document says.

The examples are the same each time. What the document cannot say is said here: a stream has no
end, and which options fit together is the agent's type's.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from agent_runner import wire
from agent_runner.api.application import ENDPOINTS
from agent_runner.api.openapi import openapi
from agent_runner.settings import Settings
from tests.conftest import ModuleService, Service

EXAMPLES = 8
TIMEOUT_S = 20
OF_THE_TYPE = ("missing_command", "unsupported_option", "invalid_option", "unknown_transcript")
"""Refusals of options that an agent of its type does not have, or has otherwise."""

OF_THE_MACHINE = ("invalid_cwd", "cwd_missing")
"""Refusals of a folder that is not there."""
OF_THE_CONTENT = ("invalid_search", "attachment_mismatch", "attachment_not_base64")
"""Refusals of what a text or a file holds."""

TOKEN = "a-token-for-every-example"

CONFIG = SchemathesisConfig.from_dict(
    {
        "seed": 1,
        "headers": {"Authorization": f"Bearer {TOKEN}"},
        "generation": {"deterministic": True, "max-examples": EXAMPLES},
    }
)
SCHEMA = schemathesis.openapi.from_dict(
    json.loads(wire.encode(openapi(ENDPOINTS, "1.0", Settings()))), config=CONFIG
)


Case = schemathesis.Case[Any]


@pytest.fixture(scope="module")
def live(module_service: ModuleService) -> Service:
    service = module_service(server={"token": TOKEN})
    service.token = TOKEN
    SCHEMA.config.update(base_url=service.url)
    service.register()
    service.run("hello")
    return service


def answered(case: Case, live: Service) -> requests.Response:
    """The answer; of a stream only its beginning."""
    request = case.as_transport_kwargs(base_url=live.url)
    with requests.Session() as session:
        response = session.request(**request, stream=True, timeout=TIMEOUT_S)
        if response.headers.get("content-type", "").startswith("text/event-stream"):
            response._content = b""
        assert response.content is not None
        response.close()
    return response


@SCHEMA.parametrize()
@settings(
    derandomize=True,
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_operation(case: Case, live: Service) -> None:
    if "agentId" in (case.path_parameters or {}):
        case.path_parameters["agentId"] = "worker"
    response = answered(case, live)
    code = response.json()["code"] if response.status_code >= 400 and response.content else None
    # Which tokens are refused is tested route by route in test_gate.
    excluded = [ignored_auth, *beyond_the_document(case, code)]
    case.validate_response(response, excluded_checks=excluded)


def beyond_the_document(case: Case, code: str | None) -> list[Any]:
    """The checks that a refusal with this code need not pass: JSON Schema cannot say its reason."""
    if code == "tmux_unavailable":  # this machine's
        return [not_a_server_error]
    if code in ("cursor_ahead", "invalid_cursor", "foreign_cursor"):  # the store's
        return [positive_data_acceptance]
    if code in OF_THE_CONTENT:
        return [positive_data_acceptance]
    if case.path in ("/agents/register", "/agents/{agentId}") and code in (
        *OF_THE_TYPE,
        *OF_THE_MACHINE,
    ):
        return [positive_data_acceptance]
    return []
