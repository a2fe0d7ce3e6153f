"""The application: approvals, runs, and what is looked at."""

from __future__ import annotations

from typing import Any, ClassVar

import anyio
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import DataTable, Footer, Header, RichLog, Static

from agent_runner.approvals.answers import labels_of, takes_several
from agent_runner.client.events import Watcher
from agent_runner.client.user import user_name
from agent_runner.errors import AgentRunnerError, UnavailableError
from agent_runner.quoting import path
from agent_runner.tui.chooser import Chooser
from agent_runner.tui.dialogs import ChoiceDialog, InputDialog, ReasonDialog, SeveralDialog
from agent_runner.tui.words import (
    approval_row,
    approval_text,
    event_text,
    left,
    resolved_text,
    run_row,
    words,
)

_LOOK_S = 1.0
_PAGE = 200
_AWAY = "the service is away"
_CHOOSE = "Choose one with up or down; then `a` approves it and `r` rejects it."
_EMPTY = "Nothing waits for a decision.\n\nWhat an agent may do unasked is its `permissions`."


class Tui(App[None]):
    """Decides on the approval that is shown, and on no other.

    What is shown was chosen by hand. If it is decided elsewhere, nothing is shown until
    another one is chosen: a key never hits what nobody has read.
    """

    TITLE = "agent-runner"
    CSS = """
    #left { width: 55%; }
    #approvals { height: 55%; border: round $accent; }
    #runs { height: 1fr; border: round $accent; }
    #detail { height: 55%; border: round $accent; padding: 0 1; }
    #output { height: 1fr; border: round $accent; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "approve", "Approve"),
        Binding("s", "approve('session')", "Approve for the session"),
        Binding("r", "reject", "Reject"),
        Binding("e", "edit", "Edit input"),
        Binding("x", "extend", "Extend"),
        Binding("tab", "app.focus_next", "Other panel", show=False),
        Binding("q", "quit", "Quit"),
    ]

    def __init__(self, watcher: Watcher, by: str | None = None) -> None:
        super().__init__()
        self._watcher = watcher
        self._by = by or user_name()
        self._approvals: dict[str, dict[str, Any]] = {}
        self._shown: str | None = None
        self._followed: str | None = None
        self._conversation: str | None = None

    def compose(self) -> ComposeResult:
        """See textual."""
        yield Header()
        with Horizontal():
            with Vertical(id="left"):
                approvals = Chooser(id="approvals", cursor_type="row")
                approvals.border_title = "Approvals"
                for label, width in (("agent", 14), ("tool", 12), ("risk", 6), ("left", 6)):
                    approvals.add_column(label, width=width, key=label)
                approvals.add_column("what")
                yield approvals
                runs: DataTable[Any] = DataTable(id="runs", cursor_type="row")
                runs.border_title = "Runs"
                for label, width in (
                    ("agent", 14),
                    ("state", 7),
                    ("last event", 22),
                    ("age", 7),
                    ("queued", 6),
                ):
                    runs.add_column(label, width=width)
                yield runs
            with Vertical():
                with VerticalScroll(id="detail"):
                    yield Static(words(_EMPTY), id="question")
                output = RichLog(id="output", wrap=True, markup=False, max_lines=2000, min_width=0)
                output.border_title = "Output: choose a run"
                yield output
        yield Footer()

    def on_mount(self) -> None:
        """Begin to watch."""
        self.query_one("#approvals").focus()
        self.run_worker(self._watch_approvals(), exit_on_error=False)
        self.run_worker(self._watch_runs(), exit_on_error=False)
        self.set_interval(_LOOK_S, self._keep_time)

    # --- watching ---------------------------------------------------------------------------

    async def _watch_approvals(self) -> None:
        try:
            waiting, last = await self._waiting()
            for approval in reversed(waiting):
                self._add(approval)
            async for event in self._watcher.follow("/approvals/events", last):
                self.sub_title = _AWAY if event is None else ""
                if event is not None:
                    self._happened(event["type"], event["approval"])
        except AgentRunnerError as error:
            self.exit(message=f"error: {error.message}")

    async def _waiting(self) -> tuple[list[dict[str, Any]], int]:
        """All that waits, newest first, and the last event before it; once the service is there."""
        while True:
            try:
                first = page = await self._watcher.get("/approvals", state="pending", limit=_PAGE)
                waiting = list(page["approvals"])
                while (before := page.get("nextBefore")) is not None:
                    page = await self._watcher.get(
                        "/approvals", state="pending", limit=_PAGE, before=before
                    )
                    waiting += page["approvals"]
            except UnavailableError:
                self.sub_title = _AWAY
                await anyio.sleep(_LOOK_S)
            else:
                return waiting, first["lastEventSeq"]

    def _happened(self, kind: str, approval: dict[str, Any]) -> None:
        known = self._approvals.get(approval["approvalId"])
        if kind == "approval.requested":
            self._add(approval)
            self.bell()
        elif kind == "approval.resolved":
            self._remove(approval)
        elif known is not None:
            known.update(approval)
            if self._shown == approval["approvalId"]:
                self._show(approval["approvalId"])
            if kind == "approval.warning":
                self.notify(f"{known['agentId']}: nobody has decided yet", severity="warning")

    def _add(self, approval: dict[str, Any]) -> None:
        approval_id = approval["approvalId"]
        if approval_id in self._approvals:
            return
        self._approvals[approval_id] = approval
        self.query_one("#approvals", DataTable).add_row(*approval_row(approval), key=approval_id)
        if self._shown is None:
            self.query_one("#question", Static).update(words(_CHOOSE))
        self._count()

    def _remove(self, approval: dict[str, Any]) -> None:
        approval_id = approval["approvalId"]
        if self._approvals.pop(approval_id, None) is None:
            return
        self.query_one("#approvals", DataTable).remove_row(approval_id)
        if self._shown == approval_id:
            self._shown = None
            self.query_one(Chooser).nothing_chosen = True
            self.query_one("#question", Static).update(resolved_text(approval))
        elif self._shown is None and not self._approvals:
            self.query_one("#question", Static).update(words(_EMPTY))
        self._count()

    def _count(self) -> None:
        count = len(self._approvals)
        self.query_one("#approvals", DataTable).border_title = f"Approvals: {count}"

    def _keep_time(self) -> None:
        """How long each has left changes by itself."""
        table = self.query_one("#approvals", DataTable)
        for approval_id, approval in self._approvals.items():
            table.update_cell(approval_id, "left", words(left(approval["expiresAt"])))

    async def _watch_runs(self) -> None:
        table = self.query_one("#runs", DataTable)
        while True:
            try:
                sessions = (await self._watcher.get("/agents/sessions/status"))["sessions"]
            except AgentRunnerError:
                sessions = None
            if sessions is not None:
                self._show_runs(table, sessions)
            await anyio.sleep(_LOOK_S)

    def _show_runs(self, table: DataTable[Any], sessions: list[dict[str, Any]]) -> None:
        listed = {str(key.value) for key in table.rows}
        for gone in listed - {session["agentId"] for session in sessions}:
            table.remove_row(gone)
        for session in sessions:
            name, row = session["agentId"], run_row(session)
            if name not in listed:
                table.add_row(*row, key=name)
                continue
            for column, cell in zip(list(table.columns), row, strict=True):
                table.update_cell(name, column, cell)
            if name == self._followed and session["lock"] is not None:
                self._follow(session["lock"]["conversationId"])

    def _follow(self, conversation_id: str) -> None:
        """Show what is said in the conversation that the followed agent is in by now."""
        if conversation_id != self._conversation:
            self._conversation = conversation_id
            self.run_worker(self._follow_output(conversation_id), exclusive=True, group="output")

    async def _begin_output(self, agent_id: str) -> None:
        output = self.query_one("#output", RichLog)
        output.clear()
        output.border_title = f"Output: {agent_id}"
        try:
            page = await self._watcher.get(path("agents", agent_id, "conversation"))
        except AgentRunnerError as error:
            output.write(words(error.message, "red"))
            return
        if page["conversation"] is None:
            output.write(words("This agent has no conversation yet.", "dim"))
        else:
            self._follow(page["conversation"]["conversationId"])

    async def _follow_output(self, conversation_id: str) -> None:
        output = self.query_one("#output", RichLog)
        output.write(words(f"Conversation {conversation_id}", "dim"))
        where = path("conversations", conversation_id, "events")
        try:
            async for event in self._watcher.follow(where, 0):
                line = event_text(event) if event is not None else None
                if line is not None:
                    output.write(line)
        except AgentRunnerError as error:
            output.write(words(error.message, "red"))

    # --- choosing ---------------------------------------------------------------------------

    def on_chooser_chosen(self, event: Chooser.Chosen) -> None:
        """The cursor was moved by hand."""
        if event.key in self._approvals:
            self._show(event.key)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Enter: show this approval, or follow this agent's output."""
        chosen = str(event.row_key.value)
        if event.data_table.id == "approvals":
            self._show(chosen)
        elif chosen != self._followed:
            self._followed, self._conversation = chosen, None
            self.run_worker(self._begin_output(chosen), exclusive=True, group="output")

    def _show(self, approval_id: str) -> None:
        self._shown = approval_id
        self.query_one(Chooser).nothing_chosen = False
        text = approval_text(self._approvals[approval_id])
        self.query_one("#question", Static).update(text)

    # --- deciding ---------------------------------------------------------------------------

    def _chosen(self, feature: str | None = None) -> dict[str, Any] | None:
        """The approval that is shown, if its CLI can take `feature`."""
        if self._shown is None:
            self.notify("Choose an approval first.", severity="warning")
            return None
        approval = self._approvals[self._shown]
        if feature is not None and feature not in approval["features"]:
            self.notify(f"This CLI takes no {feature} in an answer.", severity="warning")
            return None
        return approval

    def action_approve(self, scope: str = "once") -> None:
        """Let the call that is shown run; a question is answered first."""
        approval = self._chosen("session" if scope == "session" else None)
        if approval is None:
            return
        if approval["kind"] == "question":
            self.run_worker(self._answer(approval))
        elif any(option["kind"] == "choice" for option in approval["options"]):
            self.run_worker(self._choose(approval))
        else:
            self.run_worker(self._decide(approval, decision="approve", scope=scope))

    async def _answer(self, approval: dict[str, Any]) -> None:
        answers: dict[str, str | list[str]] = {}
        for question in approval["input"].get("questions", []):
            text = str(question.get("question", ""))
            labels = labels_of(question)
            if labels and takes_several(question):
                answer = await self.push_screen_wait(SeveralDialog(text, labels))
            elif labels:
                answer = await self.push_screen_wait(
                    ChoiceDialog(text, [(label, label) for label in labels])
                )
            else:
                answer = await self.push_screen_wait(ReasonDialog(text))
            if answer is None:
                return
            answers[text] = answer
        await self._decide(approval, decision="approve", answers=answers)

    async def _choose(self, approval: dict[str, Any]) -> None:
        options = [(option["optionId"], option["name"]) for option in approval["options"]]
        chosen = await self.push_screen_wait(ChoiceDialog(approval["question"], options))
        if chosen is not None:
            await self._decide(approval, optionId=chosen)

    def action_reject(self) -> None:
        """Do not let it run, and say why."""
        if (approval := self._chosen()) is not None:
            self.run_worker(self._reject(approval))

    async def _reject(self, approval: dict[str, Any]) -> None:
        title = f"Reject {approval['tool']} of {approval['agentId']}"
        reason = await self.push_screen_wait(ReasonDialog(title))
        if reason is not None:
            more = {"message": reason} if reason else {}
            await self._decide(approval, decision="reject", **more)

    def action_edit(self) -> None:
        """Let it run with another input."""
        if (approval := self._chosen("updatedInput")) is not None:
            self.run_worker(self._edit(approval))

    async def _edit(self, approval: dict[str, Any]) -> None:
        changed = await self.push_screen_wait(InputDialog(approval["input"]))
        if changed is not None:
            await self._decide(approval, decision="approve", updatedInput=changed)

    def action_extend(self) -> None:
        """Give it as long again as at first."""
        if (approval := self._chosen()) is not None:
            self.run_worker(self._send(path("approvals", approval["approvalId"], "extend"), {}))

    async def _decide(self, approval: dict[str, Any], **fields: Any) -> None:
        body = {**fields, "inputHash": approval["inputHash"], "by": self._by, "via": "tui"}
        await self._send(path("approvals", approval["approvalId"], "decide"), body)

    async def _send(self, where: str, body: dict[str, Any]) -> None:
        try:
            await self._watcher.send(where, body)
        except AgentRunnerError as error:
            self.notify(words(error.message).plain, severity="error", markup=False)
