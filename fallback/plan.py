"""A Plan: the mode a run is driven in, and why."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from fallback.precedence import Key


class CommMode(StrEnum):
    """How an agent's CLI is spoken to. `shadow` is both, compared."""

    HEADLESS = "headless"
    TMUX = "tmux"
    SHADOW = "shadow"


class Source(StrEnum):
    """What decided; an earlier one goes before all that follow."""

    REQUEST = "request"
    AGENT_TOGGLE = "agent_toggle"
    TYPE_TOGGLE = "type_toggle"
    GLOBAL_TOGGLE = "global_toggle"
    CANARY = "canary"
    CIRCUIT = "circuit"
    COMM_MODE = "comm_mode"
    FALLBACK = "fallback"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The decision for one run; `reason` is for people.

    `mode` is headless or tmux: that of the leg whose answer counts. `mirror` is the mode of
    the other leg in shadow. `canary` names the automatic toggle against which the run is tried.
    """

    mode: CommMode
    source: Source
    reason: str
    mirror: CommMode | None = None
    canary: Key | None = None

    def detail(self) -> dict[str, Any]:
        """What the run's record holds of it besides mode and reason."""
        detail: dict[str, Any] = {"source": self.source.value}
        if self.mirror is not None:
            detail["mirror"] = self.mirror.value
        return detail
