"""Makes the active run of a run that is stored."""

from __future__ import annotations

from agent_runner.approvals.service import ApprovalService
from agent_runner.attachments.service import AttachmentService
from agent_runner.bus.channel import Channel
from agent_runner.runners.cli_process import CliProcess
from agent_runner.runs.active import ActiveRun, BeginBackground, RunSpec
from agent_runner.runs.background import BackgroundRun
from conversation_store.interfaces import Store


class RunFactory:
    """Knows what every active run stands on."""

    def __init__(
        self, store: Store, approvals: ApprovalService, attachments: AttachmentService
    ) -> None:
        self._store = store
        self._approvals = approvals
        self._attachments = attachments

    def _files_of(self, conversation_id: str) -> str:
        return str(self._attachments.folder_of(conversation_id))

    def prompted(
        self, spec: RunSpec, channel: Channel, begin_background: BeginBackground
    ) -> ActiveRun:
        """The run of a prompt."""
        files = self._files_of(spec.run.conversation_id)
        return ActiveRun(spec, channel, self._store, self._approvals, begin_background, files)

    def background(
        self,
        origin: ActiveRun,
        process: CliProcess,
        caused_by: str,
        begin_background: BeginBackground,
    ) -> BackgroundRun:
        """The run of what `process` does by itself, after the run `caused_by`."""
        files = self._files_of(origin.run.conversation_id)
        return BackgroundRun(
            origin, process, caused_by, self._store, self._approvals, begin_background, files
        )
