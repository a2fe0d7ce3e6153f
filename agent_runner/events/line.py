"""Lines of a CLI that were not understood."""

from __future__ import annotations

from typing import ClassVar

from agent_runner.events.base import AgentEvent


class Unknown(AgentEvent, frozen=True, kw_only=True, tag="unknown"):
    """A well-formed line of a type that no schema knows. `source_type` is its own name."""

    deed: ClassVar[bool] = True
    work: ClassVar[bool] = True
    source_type: str
    raw: str


class ParseError(AgentEvent, frozen=True, kw_only=True, tag="parse_error"):
    """A line that does not decode. `raw` shows it; its bytes are in the run's raw log."""

    deed: ClassVar[bool] = True
    error: str
    raw: str


class Oversize(AgentEvent, frozen=True, kw_only=True, tag="oversize"):
    """A line over the limit, kept in the run's raw log at `raw_offset`.

    Of what it said only a turn's end and a tool's end are told.
    """

    deed: ClassVar[bool] = True
    length_bytes: int
    sha256: str
    raw_offset: int
