"""What the handlers work with, kept on the application's state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from starlette.requests import Request

from agent_runner.api.changes import Changes
from agent_runner.api.logins import Logins
from agent_runner.approvals.service import ApprovalService
from agent_runner.attachments.service import AttachmentService
from agent_runner.bus.bus import Bus
from agent_runner.maintenance.service import Maintenance
from agent_runner.maintenance.store_watch import StoreWatch
from agent_runner.mirrors.evidence import Evidence
from agent_runner.mirrors.mirrors import Mirrors
from agent_runner.process.warden import Warden
from agent_runner.routing.circuits import Circuits
from agent_runner.routing.router import Router
from agent_runner.routing.terminals import Terminals
from agent_runner.routing.toggles import Toggles
from agent_runner.runners.cli_runner import CliRunner
from agent_runner.runs.reconcile import Reconciliation
from agent_runner.runs.service import RunService
from agent_runner.settings import Settings
from agent_runner.tickets import TicketService
from agent_runner.troubles import Troubles
from agent_runner.workspace.snapshots import Snapshots
from conversation_store.interfaces import Store


@dataclass(frozen=True)
class Context:
    """The running service's parts. `env` is what CLIs inherit from; `engine` names the database."""

    settings: Settings
    store: Store
    bus: Bus
    runs: RunService
    runner: CliRunner
    circuits: Circuits
    toggles: Toggles
    router: Router
    terminals: Terminals
    approvals: ApprovalService
    mirrors: Mirrors
    evidence: Evidence
    tickets: TicketService
    warden: Warden
    raw_dir: Path
    reconciliation: Reconciliation
    watch: StoreWatch
    maintenance: Maintenance
    troubles: Troubles
    attachments: AttachmentService
    changes: Changes
    logins: Logins
    snapshots: Snapshots
    version: str
    engine: str
    env: Mapping[str, str]
    changing: anyio.Lock = field(default_factory=anyio.Lock)
    """Held by who changes an agent by what it was."""


def context(request: Request) -> Context:
    """The context of the application that serves `request`."""
    found = request.app.state.context
    assert isinstance(found, Context)
    return found
