"""A Plan: the mode a run is driven in, and why."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from agent_runner.errors import BadRequestError


class CommMode(StrEnum):
    """How an agent's CLI is spoken to."""

    HEADLESS = "headless"
    TMUX = "tmux"
    SHADOW = "shadow"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The decision for one run; `reason` is for people."""

    mode: CommMode
    reason: str


AVAILABLE = frozenset({CommMode.HEADLESS})


def check_comm_mode(value: str) -> CommMode:
    """`value` as a mode that this version can drive; BadRequestError otherwise."""
    try:
        mode = CommMode(value)
    except ValueError:
        known = ", ".join(CommMode)
        raise BadRequestError(
            "invalid_comm_mode", f"commMode {value!r} is unknown", hint=f"known: {known}"
        ) from None
    if mode not in AVAILABLE:
        raise BadRequestError(
            "comm_mode_unavailable",
            f"commMode {value!r} cannot be driven by this version",
            hint="register the agent with commMode headless",
        )
    return mode


def decide(comm_mode: str) -> Plan:
    """The plan for an agent with this commMode."""
    return Plan(mode=check_comm_mode(comm_mode), reason=f"the agent's commMode is {comm_mode}")
