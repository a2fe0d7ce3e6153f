"""Brings decisions to a run whose process did not live to hear them."""

from __future__ import annotations

from agent_runner.agents.custom.supervised_schema import MOST_ANSWERS, Answer
from agent_runner.approvals.canonical import canonical
from agent_runner.approvals.service import ApprovalService
from agent_runner.runners.launcher import LaunchError
from conversation_store.codes import FailureCode
from conversation_store.records import ApprovalRecord
from conversation_store.states import ApprovalKind, ApprovalState, Delivery

_PROMPT = """\
You were stopped while you waited for permission to use a tool. It has been granted, once, for \
exactly this:

{calls}

Make this call again with the very same input, then go on with what you were doing."""
_CODES = {
    ApprovalState.REJECTED: FailureCode.APPROVAL_REJECTED,
    ApprovalState.EXPIRED: FailureCode.APPROVAL_EXPIRED,
}


class Resumption:
    """The decided approvals of one run on their way to a new process of its session."""

    def __init__(self, approvals: ApprovalService, decided: list[ApprovalRecord]) -> None:
        self._approvals = approvals
        self._decided = decided

    @property
    def of_tool(self) -> bool:
        """True if a supervised tool has asked: it is started again, with the answers."""
        return any(approval.kind is ApprovalKind.TOOL for approval in self._decided)

    async def answers(self, run_id: str) -> list[Answer]:
        """All that was decided for the run so far, for a tool's environment."""
        decided = await self._approvals.decided(run_id)
        return [_answer(a) for a in decided if a.kind is ApprovalKind.TOOL][-MOST_ANSWERS:]

    async def told(self) -> None:
        """The tool that is started now is told, and is so once: whatever becomes of it."""
        await self._move(Delivery.DELIVERED, Delivery.RESUMING)

    async def check(self) -> None:
        """LaunchError `approval_rejected` or `approval_expired`, unless all are approved."""
        for approval in self._decided:
            if (code := _CODES.get(approval.state)) is not None:
                await self._approvals.move(approval, approval.delivery, Delivery.DELIVERED)
                said = f": {approval.reason}" if approval.reason else ""
                by = f" by {approval.decided_by}" if approval.decided_by else ""
                raise LaunchError(code, f"{approval.tool} was {approval.state}{by}{said}")

    async def begin(self) -> list[ApprovalRecord]:
        """Note that a process is started for them; returns what it is to let through."""
        await self._move(Delivery.RESUMING)
        return list(self._decided)

    async def again(self, error: str) -> None:
        """Note that the process did not come to it, or was not started after all."""
        source = Delivery.DELIVERED if self.of_tool else Delivery.RESUMING
        await self._move(Delivery.WAITING, source, error)

    async def over(self, unclaimed: list[ApprovalRecord]) -> None:
        """The resumed turn is over: note what it did not ask for again."""
        for approval in unclaimed:
            error = "the agent did not make this call again"
            await self._approvals.move(approval, Delivery.RESUMING, Delivery.FAILED, error)

    async def failed(self, error: str) -> LaunchError:
        """Give up; returns what ends the run."""
        for approval in self._decided:
            for source in (Delivery.WAITING, Delivery.RESUMING):
                await self._approvals.move(approval, source, Delivery.FAILED, error)
        return LaunchError(
            FailureCode.RESUME_FAILED,
            f"what was approved could not be brought to the CLI: {error}",
            "send the prompt again",
        )

    async def _move(
        self, target: Delivery, source: Delivery | None = None, error: str | None = None
    ) -> None:
        """Move those that are at `source` on; all of them without one."""
        for index, approval in enumerate(self._decided):
            moved = await self._approvals.move(approval, source or approval.delivery, target, error)
            self._decided[index] = moved or approval

    def prompt(self) -> str:
        """What the resumed CLI is told."""
        calls = [f"{a.tool}: {canonical(a.input).decode()}" for a in self._decided]
        return _PROMPT.format(calls="\n\n".join(calls))


def is_prompt(text: str) -> bool:
    """True if a session was told `text` to have its approved calls made again."""
    return text.startswith(_PROMPT.partition("{calls}")[0])


def _answer(approval: ApprovalRecord) -> Answer:
    decision = approval.decision or {}
    return Answer(
        hash=approval.input_hash,
        approval_id=approval.approval_id,
        decision="approve" if approval.state is ApprovalState.APPROVED else "reject",
        option_id=decision.get("optionId"),
        message=decision.get("message"),
    )
