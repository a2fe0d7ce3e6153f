"""What the service asks of a store, whatever keeps it: in records, errors and codes only."""

from conversation_store.interfaces.agents import Agents
from conversation_store.interfaces.approvals import Approvals
from conversation_store.interfaces.attachments import Attachments
from conversation_store.interfaces.circuits import Circuits
from conversation_store.interfaces.comparisons import Comparisons
from conversation_store.interfaces.conversations import Conversations
from conversation_store.interfaces.deadlines import Deadlines
from conversation_store.interfaces.events import Events
from conversation_store.interfaces.integrity import Integrity
from conversation_store.interfaces.logins import Logins
from conversation_store.interfaces.processes import Processes
from conversation_store.interfaces.runs import Runs
from conversation_store.interfaces.store import OpenStore, Store
from conversation_store.interfaces.tickets import Tickets
from conversation_store.interfaces.toggles import Toggles

__all__ = [
    "Agents",
    "Approvals",
    "Attachments",
    "Circuits",
    "Comparisons",
    "Conversations",
    "Deadlines",
    "Events",
    "Integrity",
    "Logins",
    "OpenStore",
    "Processes",
    "Runs",
    "Store",
    "Tickets",
    "Toggles",
]
