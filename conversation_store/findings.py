"""What a check finds, what a repair did, and the codes of both."""

from __future__ import annotations

from enum import StrEnum

from conversation_store.records import Record


class FindingCode(StrEnum):
    """What can be wrong. Stable; runbooks/database.md says what each means and what to do."""

    DAMAGED_PAGES = "damaged_pages"
    DAMAGED_INDEX = "damaged_index"
    BROKEN_REFERENCE = "broken_reference"
    CONVERSATION_WITHOUT_AGENT = "conversation_without_agent"
    EVENT_GAP = "event_gap"
    EVENT_COUNTER_BEHIND = "event_counter_behind"
    TURN_GAP = "turn_gap"
    TURN_COUNTER_BEHIND = "turn_counter_behind"
    SEARCH_INCOMPLETE = "search_incomplete"
    SEARCH_DAMAGED = "search_damaged"
    STUCK_RUN = "stuck_run"
    RAW_WITHOUT_RUN = "raw_without_run"
    RAW_MISSING = "raw_missing"


class Finding(Record, frozen=True, kw_only=True):
    """One thing that is wrong: `subject` is an id, a file or a row; `repairable` is proven."""

    code: FindingCode
    subject: str
    detail: str
    repairable: bool


class Repair(Record, frozen=True, kw_only=True):
    """One finding that was repaired, and how."""

    code: FindingCode
    subject: str
    action: str
