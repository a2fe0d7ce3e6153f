"""Conversations that begin as copies of others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio.to_thread
import msgspec

from agent_runner import wire
from agent_runner.agents.base import Adapter, AgentOptions, Form
from agent_runner.agents.registry import adapter_for
from agent_runner.errors import ConflictError, NotFoundError
from agent_runner.routing.options import options_of
from agent_runner.runners.launcher import Launcher
from agent_runner.runners.session_log import lines_from
from agent_runner.runs.conversation import new_conversation
from conversation_store.interfaces import Store
from conversation_store.records import ConversationRecord, TurnRecord

ORIGIN = "fork"
"""In the metadata of a turn that was copied."""

_PAGE = 500


class Forks:
    """Copies a conversation up to an answer, with what its CLI knows."""

    def __init__(self, store: Store, launcher: Launcher) -> None:
        self._store = store
        self._launcher = launcher

    async def fork(
        self, conversation_id: str, turn_id: str | None, title: str | None
    ) -> ConversationRecord:
        """A new conversation with all turns up to this answer, or up to the newest one.

        ConflictError `fork_unsupported`, `nothing_to_fork` or `fork_point_unknown`; NotFoundError
        `turn_not_found`.
        """
        source = await self._store.conversations.get(conversation_id)
        agent = await self._store.agents.get(source.agent_id)
        adapter, options = adapter_for(agent.type), options_of(agent)
        if adapter.fork_args("x", None, Form.WARM) is None:
            raise ConflictError(
                "fork_unsupported",
                f"{adapter.title} has no way to copy a session",
                hint="open a new conversation, and tell it what it has to know",
            )
        turns = await self._turns(source)
        until = _until(turns, turn_id)
        if source.session_id is None or until is None:
            raise ConflictError(
                "nothing_to_fork", "this conversation has no answer yet that could be gone on from"
            )
        message = await self._message(adapter, agent.type, options, source, turns, until)
        return await self._copy(source, turns[: turns.index(until) + 1], message, title)

    async def _turns(self, source: ConversationRecord) -> list[TurnRecord]:
        turns: list[TurnRecord] = []
        while page := await self._store.conversations.turns(
            source.conversation_id, after=turns[-1].seq if turns else 0, limit=_PAGE
        ):
            turns += page
        return turns

    async def _message(
        self,
        adapter: Adapter,
        agent_type: str,
        options: AgentOptions,
        source: ConversationRecord,
        turns: list[TurnRecord],
        until: TurnRecord,
    ) -> str | None:
        """The CLI's id of the answer; None for the session's end.

        The same words may have been said again since.
        """
        later = [turn for turn in turns if turn.seq > until.seq]
        if not later:
            return None
        again = sum(
            turn.direction == "outbound" and turn.content == until.content for turn in later
        )
        session_id = source.session_id
        assert session_id is not None

        def find() -> str | None:
            file = self._launcher.session_log(agent_type, options, session_id)
            ids = [] if file is None else _ids(file, adapter.log_message, until.content)
            return ids[-1 - again] if len(ids) > again else None

        found = await anyio.to_thread.run_sync(find)
        if found is None:
            raise ConflictError(
                "fork_point_unknown",
                "this answer is not to be found in the CLI's session",
                hint="fork from the newest answer",
            )
        return found

    async def _copy(
        self,
        source: ConversationRecord,
        turns: list[TurnRecord],
        message: str | None,
        title: str | None,
    ) -> ConversationRecord:
        copy = new_conversation(
            source.agent_id,
            title=title or source.title,
            forked_from=source.conversation_id,
            forked_seq=turns[-1].seq,
            fork_session=source.session_id,
            fork_message=message,
        )
        copied = [
            msgspec.structs.replace(
                turn,
                turn_id=wire.new_id("turn"),
                conversation_id=copy.conversation_id,
                run_id=None,
                metadata={**turn.metadata, "origin": ORIGIN, "turnId": turn.turn_id},
            )
            for turn in turns
        ]
        await self._store.conversations.create(copy, copied)
        return await self._store.conversations.get(copy.conversation_id)


def _until(turns: list[TurnRecord], turn_id: str | None) -> TurnRecord | None:
    """The answer that is the last to be copied; None if there is none."""
    answers = [turn for turn in turns if turn.direction == "outbound"]
    if turn_id is None:
        return answers[-1] if answers else None
    named = next((turn for turn in turns if turn.turn_id == turn_id), None)
    if named is None:
        raise NotFoundError("turn_not_found", "the conversation has no such turn")
    if named.direction != "outbound":
        raise ConflictError(
            "fork_point_unknown",
            "a conversation is gone on from an answer, and this turn is a prompt",
            hint="name the answer before it",
        )
    return named


def _ids(
    file: Path, message: Callable[[dict[str, Any]], tuple[str, str] | None], text: str
) -> list[str]:
    lines, _ = lines_from(file, 0)
    found = []
    for line in lines:
        try:
            decoded = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        said = message(decoded) if isinstance(decoded, dict) else None
        if said is not None and said[1].strip() == text.strip():
            found.append(said[0])
    return found
