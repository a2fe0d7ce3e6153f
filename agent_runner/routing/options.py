"""What a stored agent asks of its CLI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from agent_runner.agents.base import AgentOptions
from agent_runner.errors import ConflictError
from conversation_store import free_json
from conversation_store.records import AgentRecord


def options_of(agent: AgentRecord) -> AgentOptions:
    """The agent's options; ConflictError `agent_unreadable` if they cannot be had as they were."""
    if agent.error is not None:
        raise _unreadable(agent, agent.error)
    try:
        return msgspec.convert(agent.options, AgentOptions)
    except msgspec.ValidationError as error:
        raise _unreadable(agent, str(error)) from error


def overridden(options: AgentOptions, overrides: Mapping[str, Any]) -> AgentOptions:
    """The options with those of one run in their place: `model` and `permissionMode`."""
    return msgspec.structs.replace(
        options,
        model=overrides.get("model", options.model),
        permission_mode=overrides.get("permissionMode", options.permission_mode),
    )


def changed_options(agent: AgentRecord, given: dict[str, Any]) -> dict[str, Any]:
    """The agent's options with those that are `given`; without those that are None then.

    ConflictError `agent_unreadable` if one that cannot be had as it was would stay.
    """
    merged = {**agent.options, **given}
    options = {name: value for name, value in merged.items() if value is not None}
    if agent.error is not None and ("unreadable" in options or free_json.is_cut(options)):
        raise _unreadable(agent, agent.error)
    return options


def _unreadable(agent: AgentRecord, reason: str) -> ConflictError:
    return ConflictError(
        "agent_unreadable",
        f"the options of agent {agent.agent_id!r} cannot be used: {reason}",
        hint="PATCH the option that it names, or DELETE the agent and register it anew",
    )
