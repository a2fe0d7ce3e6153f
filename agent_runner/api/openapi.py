"""Builds /openapi.json from the declared endpoints, their bodies and their answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from pydantic.alias_generators import to_camel
from pydantic.json_schema import models_json_schema

from agent_runner.api.problems import Problem
from agent_runner.api.routes import DIALECT, Endpoint
from agent_runner.api.schemas import schemas
from agent_runner.api.stream_schemas import stream_schemas
from agent_runner.settings import Settings, Timeouts
from agent_runner.streams.native import Native
from agent_runner.streams.registry import DIALECTS

_EVERY_PROBLEM = (400, 401, 403, 503)
_WRITE_PROBLEMS = (507,)
_AGENTS = ("RegisterBody", "PatchAgentBody")
_BYTES = {"type": "string", "format": "binary"}
_REF = "#/components/schemas/{model}"


def openapi(endpoints: Sequence[Endpoint], version: str, settings: Settings) -> dict[str, Any]:
    """The OpenAPI 3.1 document of `endpoints`, with the limits that `settings` give."""
    bodies = {e.body for e in endpoints if e.body is not None}
    replies = {e.reply for e in endpoints if e.reply is not None} | {Problem}
    _, definitions = models_json_schema(
        [(model, "validation") for model in sorted(bodies, key=lambda m: m.__name__)],
        ref_template=_REF,
    )
    ref = _REF.replace("{model}", "{name}")
    for (model, field), most in _limits(settings).items():
        definitions["$defs"][model]["properties"][field] |= most
    _close(definitions)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "agent-runner", "version": version},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": definitions["$defs"] | stream_schemas(ref) | schemas(replies, ref),
        },
    }


def _close(schema: Any) -> None:
    """Let an object whose names have a pattern have no others: pydantic refuses them."""
    if isinstance(schema, dict):
        if "patternProperties" in schema:
            schema.setdefault("additionalProperties", False)
        schema = list(schema.values())
    for part in schema if isinstance(schema, list) else ():
        _close(part)


def _limits(settings: Settings) -> dict[tuple[str, str], dict[str, int]]:
    """Words of the JSON Schema of a model's field."""
    longest, asking = settings.supervision.longest, settings.approvals.longest_ms
    limits = {
        ("TimeoutsBody", to_camel(name)): {"maximum": getattr(longest, name)}
        for name in Timeouts.model_fields
    }
    limits |= {(model, "approvalExpiresMs"): {"maximum": asking} for model in _AGENTS}
    return limits | {
        ("ExecuteBody", "timeoutMs"): {"maximum": longest.command_ms},
        ("ExecuteBody", "prompt"): {"maxLength": settings.limits.prompt_bytes},
        ("ExtendBody", "byMs"): {"maximum": asking},
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.handler.__name__,
        "summary": endpoint.summary,
        "tags": [endpoint.tag],
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in re.findall(r"{(\w+)}", endpoint.path)
        ]
        + [
            {
                "name": parameter.name,
                "in": parameter.place,
                "description": parameter.description,
                "required": parameter.required,
                "schema": parameter.schema,
            }
            for parameter in endpoint.parameters
        ],
        "responses": _responses(endpoint),
    }
    if endpoint.body is not None:
        operation["requestBody"] = {
            "required": any(field.is_required() for field in endpoint.body.model_fields.values()),
            "content": {"application/json": {"schema": _reference(endpoint.body.__name__)}},
        }
    if endpoint.upload:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/octet-stream": {"schema": _BYTES}},
        }
    return operation


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if endpoint.reply is not None:
        content["application/json"] = {"schema": _reference(endpoint.reply.__name__)}
    content |= {media_type: {"schema": {"type": "string"}} for media_type in endpoint.media_types}
    if endpoint.stream is not None:
        # OpenAPI 3.1 has no word for the items of a stream; 3.2 calls it `itemSchema`.
        content |= {media_type: {"schema": {"type": "string"}} for media_type in _spoken(endpoint)}
        content[Native.media_type]["x-itemSchema"] = _reference(endpoint.stream)
    success: dict[str, Any] = {"description": endpoint.summary}
    if content:
        success["content"] = content
    responses: dict[str, Any] = {str(endpoint.status): success}
    body_problems = (408, 413, 415, 422) if endpoint.body is not None else ()
    write_problems = _WRITE_PROBLEMS if endpoint.method != "GET" else ()
    for status in sorted({*_EVERY_PROBLEM, *endpoint.problems, *body_problems, *write_problems}):
        responses[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "content": {"application/problem+json": {"schema": _reference(Problem.__name__)}},
        }
    return responses


def _spoken(endpoint: Endpoint) -> list[str]:
    """The media types of the dialects that the endpoint's stream speaks."""
    spoken = DIALECTS.values() if DIALECT in endpoint.parameters else (Native,)
    return sorted({one.media_type for one in spoken})


def _reference(model: str) -> dict[str, str]:
    return {"$ref": _REF.format(model=model)}
