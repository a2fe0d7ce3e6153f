"""The rows of the store as values. Times are RFC 3339 UTC text, durations milliseconds."""

from conversation_store.records.agents import About, AgentActivity, AgentRecord
from conversation_store.records.approvals import (
    ApprovalEventRecord,
    ApprovalRecord,
    Moved,
    NewApproval,
)
from conversation_store.records.attachments import AttachmentRecord, TurnAttachment
from conversation_store.records.base import NOT_STORED, Record
from conversation_store.records.comparisons import (
    ComparisonDetail,
    ComparisonRecord,
    ComparisonResult,
    Figures,
    FileChange,
    LegBody,
    NewComparison,
    Reason,
    ToolCall,
)
from conversation_store.records.conversations import (
    ConversationRecord,
    ConversationSummary,
    LastTurn,
    Piece,
    SearchHit,
    SearchQuery,
    TurnRecord,
)
from conversation_store.records.database import DatabaseStats, Lease, Owner
from conversation_store.records.events import NewEvent, StoredEvent
from conversation_store.records.processes import CircuitRecord, ProcessRecord
from conversation_store.records.runs import (
    Move,
    NewRun,
    RunEnd,
    RunOutcome,
    RunRecord,
    UsageSum,
    ended,
)
from conversation_store.records.tickets import TicketRecord
from conversation_store.records.toggles import Cause, ToggleEventRecord, ToggleRecord

__all__ = [
    "NOT_STORED",
    "About",
    "AgentActivity",
    "AgentRecord",
    "ApprovalEventRecord",
    "ApprovalRecord",
    "AttachmentRecord",
    "Cause",
    "CircuitRecord",
    "ComparisonDetail",
    "ComparisonRecord",
    "ComparisonResult",
    "ConversationRecord",
    "ConversationSummary",
    "DatabaseStats",
    "Figures",
    "FileChange",
    "LastTurn",
    "Lease",
    "LegBody",
    "Move",
    "Moved",
    "NewApproval",
    "NewComparison",
    "NewEvent",
    "NewRun",
    "Owner",
    "Piece",
    "ProcessRecord",
    "Reason",
    "Record",
    "RunEnd",
    "RunOutcome",
    "RunRecord",
    "SearchHit",
    "SearchQuery",
    "StoredEvent",
    "TicketRecord",
    "ToggleEventRecord",
    "ToggleRecord",
    "ToolCall",
    "TurnAttachment",
    "TurnRecord",
    "UsageSum",
    "ended",
]
