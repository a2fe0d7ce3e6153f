"""Who answers a question of a run's CLI: a grant from before, the policy, or a person."""

from __future__ import annotations

import os
from collections.abc import Sequence

from agent_runner.agents.base import AgentOptions, PermissionAnswer
from agent_runner.agents.custom import supervised_schema as supervised
from agent_runner.agents.guard import REASON
from agent_runner.agents.policy import decide
from agent_runner.agents.tool_calls import NO_PERMISSION, calls_in, only_reads, paths_of
from agent_runner.approvals.canonical import input_hash
from agent_runner.approvals.decision import answer_of
from agent_runner.approvals.service import ApprovalRequest, ApprovalService
from agent_runner.events.permission import PermissionRequested, PermissionResolved
from agent_runner.runners.sink import ASK_A_PERSON, Asker, AskPerson, Resolution
from conversation_store.records import ApprovalRecord, NewRun
from conversation_store.states import Delivery


class Ask:
    """The one way of a question: `rule` first, and then `person` where that says so.

    What lies in the folder `files` was given with the conversation's prompts.
    """

    def __init__(
        self, run: NewRun, options: AgentOptions, approvals: ApprovalService, files: str
    ) -> None:
        self._run = run
        self._files = files
        self._options = options
        self._approvals = approvals
        self._grants: list[ApprovalRecord] = []
        self._closed = False

    @property
    def unclaimed(self) -> list[ApprovalRecord]:
        """The grants that nothing has asked for yet."""
        return self._grants

    def grant(self, approvals: Sequence[ApprovalRecord]) -> None:
        """Let just these calls through, each once."""
        self._grants = list(approvals)

    def close(self) -> None:
        """The run is over: what is asked from now on is denied."""
        self._closed = True

    async def rule(self, question: PermissionRequested, asker: Asker) -> Resolution | AskPerson:
        """The answer of all but a person."""
        if self._closed:
            return denial("Nobody can approve this: the run that it belongs to is over.")
        guard = self._approvals.guard
        if guard.refuses(question.name, question.tool_kind, question.input, self._options.cwd):
            return denial(f"The service denies this: {REASON}.", REASON)
        if (granted := await self._granted(question)) is not None:
            return granted
        if asker.allowed(question):
            answer = PermissionAnswer(allow=True, session=True)
            return Resolution(answer=answer, decided_by="session")
        most = supervised.MOST_ANSWERS
        run_id = self._run.run_id
        if question.kind == "tool" and len(await self._approvals.decided(run_id)) >= most:
            return denial(f"A run may ask {most} questions.")
        ruling = self._by_policy(question)
        if isinstance(ruling, AskPerson) and self._reads_attachments(question):
            answer = PermissionAnswer(allow=True)
            return Resolution(answer=answer, decided_by="policy", rule="attachments")
        return ruling

    def _reads_attachments(self, question: PermissionRequested) -> bool:
        """True for a call that reads nothing but files that were given with the prompts."""
        if question.kind != "permission":
            return False
        own = f"{os.path.realpath(self._files)}{os.sep}"
        try:
            calls = calls_in(question.name, question.input)
            paths = [[os.path.realpath(path) for path in paths_of(given)] for _, given in calls]
        except ValueError:  # too much to look at
            return False
        reads = all(only_reads(name, question.tool_kind) for name, _ in calls)
        return reads and all(one and all(p.startswith(own) for p in one) for one in paths)

    def _by_policy(self, question: PermissionRequested) -> Resolution | AskPerson:
        kind = question.tool_kind if question.kind == "permission" else NO_PERMISSION
        ruling = decide(self._options.permissions, question.name, kind, question.input)
        if ruling.action == "ask":
            return ASK_A_PERSON
        if ruling.action == "deny":
            return denial(f"The agent's policy denies this ({ruling.rule}).", ruling.rule)
        return Resolution(
            answer=PermissionAnswer(allow=True), decided_by="policy", rule=ruling.rule
        )

    async def _granted(self, question: PermissionRequested) -> Resolution | None:
        """The answer of an approval whose process was gone, if it is just for this call."""
        if not self._grants:
            return None
        seen = input_hash(question.name, question.input)
        for approval in self._grants:
            if (approval.tool, approval.input_hash) == (question.name, seen):
                self._grants.remove(approval)
                moved = await self._approvals.move(approval, Delivery.RESUMING, Delivery.DELIVERED)
                if moved is not None:
                    return Resolution(
                        answer=answer_of(approval),
                        decided_by="grant",
                        approval_id=approval.approval_id,
                    )
        return None

    async def person(self, question: PermissionRequested, asker: Asker) -> bool:
        """Have the question stored and decided by somebody; False if it cannot be asked (again).

        The answer goes to the asker, which may be another process by then.
        """
        approval = await self._approvals.open(
            ApprovalRequest(
                question=question,
                run_id=self._run.run_id,
                conversation_id=self._run.conversation_id,
                agent_id=self._run.agent_id,
                options=self._options,
                asker=asker,
            )
        )
        if approval is None:
            return False
        if question.kind == "tool":
            asker.suspend(supervised.registered(approval.approval_id))
        return True

    async def withdraw(self, resolved: PermissionResolved) -> None:
        """The CLI has taken a question back."""
        await self._approvals.withdraw(
            self._run.run_id, resolved.request_id, resolved.message or ""
        )

    async def take_over(self, asker: Asker, questions: Sequence[PermissionRequested]) -> None:
        """Questions of the process, asked in a run before, are this run's from now on."""
        await self._approvals.move_over(asker, questions, self._run.run_id)


SETTLED_BEFORE = "Just this was asked by this id and settled before, or the run is over."
"""Why a question is not asked again: an answer is given once."""


def denial(message: str, rule: str | None = None) -> Resolution:
    """A refusal that nobody decided."""
    answer = PermissionAnswer(allow=False, message=message)
    return Resolution(answer=answer, decided_by="policy", rule=rule)
