"""A prompt that goes into the running turn of the run before it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent_runner.agents.attachments import Attachment
from agent_runner.attachments.service import AttachmentService
from agent_runner.errors import GoneError
from agent_runner.runs.active import ActiveRun


async def steer(
    active: ActiveRun, others: Iterable[ActiveRun], attachments: AttachmentService
) -> str | None:
    """Give its prompt to the one of the agent's `others` that runs; None if that has got it.

    Else it stays queued, and the answer says why.
    """
    run = active.run
    try:
        files = await attachments.for_cli(run.conversation_id, run.attachments, inline=True)
    except GoneError as error:
        return error.message
    async with active.changing:
        return _put_into_turn(active, others, files)


def _put_into_turn(
    active: ActiveRun, others: Iterable[ActiveRun], files: Sequence[Attachment]
) -> str | None:
    """In one step: the prompt waits still, and the turn is not over."""
    for other in others:
        same = other.run.conversation_id == active.run.conversation_id
        if other is active or other.queued or not same or other.process is None:
            continue
        taken_in = other.process.steer(active.run.prompt, files) if active.queued else None
        if taken_in is None:
            return "this CLI takes no prompt into a running turn, or not now"
        active.steer_into(other.run_id, taken_in)
        return None
    return "the agent runs nothing in this conversation"
