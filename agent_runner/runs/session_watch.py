"""Notices that a CLI's session was gone on with by another hand, and takes over what was said.

Somebody may resume the session of a conversation in a terminal of their own. A process that we
keep knows nothing of it, and its next turn would leave it behind: the process is ended, the next
one resumes the session with all that is in it, and the conversation gets those turns, which
belong to no run.

What somebody types at the terminal of our own process is taken over as well, and the process
lives on.

Before a prompt the session's file is looked at, which is a stat; it is read only when it has
grown, and after each turn of ours, once the CLI has written it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from weakref import WeakValueDictionary

import anyio
import anyio.to_thread
import msgspec
import structlog

from agent_runner import wire
from agent_runner.agents.attachments import FILES
from agent_runner.agents.base import AgentOptions
from agent_runner.agents.registry import adapter_for
from agent_runner.agents.session_log import Entry, Reading, Said, read
from agent_runner.bus.bus import Bus
from agent_runner.bus.stored import new_event
from agent_runner.events.session import SessionContinued
from agent_runner.runners.cli_runner import CliRunner
from agent_runner.runners.session_log import Seen, lines_from, look
from agent_runner.runs import forks, history, resumption
from agent_runner.runs.announcements import RunOver
from conversation_store.errors import StoreError
from conversation_store.interfaces import Store
from conversation_store.records import ConversationRecord, TurnRecord

WRITTEN_S = 0.4
"""So long after a turn its CLI has written the file (recorded: up to 0.1 s)."""

MOST_TURNS = 1000
MOST_KNOWN = 10_000
"""Conversations whose files are remembered; another one's is read again."""

log = structlog.get_logger(__name__)


class Mark(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How far the file of a session is known: to byte `offset`, and our prompts to `turn_seq`.

    `elsewhere`: the last turn before it is none of ours. Kept with the conversation.
    """

    session_id: str = ""
    offset: int = 0
    turn_seq: int = 0
    elsewhere: bool = False


class _Known(msgspec.Struct, frozen=True):
    """What a conversation's file was like when it was read; no file if there is none."""

    session_id: str
    file: Path | None
    seen: Seen | None


class _Ours:
    """Our prompts that the file may hold, each once; `turn_seq` is of the last one found."""

    def __init__(self, turns: Sequence[TurnRecord], turn_seq: int) -> None:
        prompts = (turn for turn in turns if turn.direction == "inbound" and _is_ours(turn))
        self._left = deque((turn.seq, _plain(turn.content)) for turn in prompts)
        self.turn_seq = turn_seq

    def __contains__(self, text: str) -> bool:
        plain, behind = _plain(text), history.is_part(text)
        for seq, prompt in self._left:
            with_files = plain.startswith(f"{prompt} {FILES} ")
            if plain == prompt or with_files or (behind and plain.endswith(prompt)):
                self._left.remove((seq, prompt))
                self.turn_seq = max(self.turn_seq, seq)
                return True
        return behind or resumption.is_prompt(text)


def _is_ours(turn: TurnRecord) -> bool:
    return turn.run_id is not None or turn.metadata.get("origin") == forks.ORIGIN


class SessionWatch:
    """Looks after the sessions of all conversations."""

    def __init__(self, store: Store, bus: Bus, runner: CliRunner) -> None:
        self._store = store
        self._bus = bus
        self._runner = runner
        self._known: dict[str, _Known] = {}
        # Each is there while somebody uses it.
        self._reading = WeakValueDictionary[str, anyio.Lock]()

    async def look(self, agent_type: str, options: AgentOptions, conversation_id: str) -> None:
        """Before a prompt: take over what is new by another hand, and end what does not know it."""
        known = self._known.get(conversation_id)
        if known is not None and (known.file is None or look(known.file) == known.seen):
            return
        process = self._runner.pool.peek(conversation_id)
        if process is not None and process.background.working:
            return  # its end would lose that work
        try:
            await self._read(agent_type, options, conversation_id, takes_over=True)
        except OSError as error:
            log.warning("session_not_read", conversation_id=conversation_id, error=str(error))

    async def on_over(self, over: RunOver) -> None:
        """Observe runs: look at the session's file once the CLI has written the turn."""
        conversation_id = over.run.conversation_id
        if over.session_id and not self.has_none(conversation_id, over.session_id):
            await self.settle(over.agent_type, over.options, conversation_id)

    async def settle(self, agent_type: str, options: AgentOptions, conversation_id: str) -> None:
        """After a turn of ours: what it has added to the file is known when the next one begins."""
        await anyio.sleep(WRITTEN_S)
        try:
            await self._read(agent_type, options, conversation_id, takes_over=False)
        except (OSError, StoreError) as error:
            log.warning("session_not_read", conversation_id=conversation_id, error=str(error))

    def has_none(self, conversation_id: str, session_id: str | None) -> bool:
        """True if the session is known to have no file."""
        known = self._known.get(conversation_id)
        return known is not None and known.session_id == session_id and known.file is None

    async def _read(
        self, agent_type: str, options: AgentOptions, conversation_id: str, *, takes_over: bool
    ) -> None:
        """One at a time: an older reading must not put the mark back behind a newer one."""
        lock = self._reading.setdefault(conversation_id, anyio.Lock(fast_acquire=True))
        async with lock:
            await self._read_alone(agent_type, options, conversation_id, takes_over=takes_over)

    async def _read_alone(
        self, agent_type: str, options: AgentOptions, conversation_id: str, *, takes_over: bool
    ) -> None:
        conversation = await self._store.conversations.get(conversation_id)
        session_id = conversation.session_id
        if session_id is None:
            return
        file = await self._file(agent_type, options, conversation_id, session_id)
        seen = None if file is None else look(file)
        if file is None or seen is None:
            self._note(conversation_id, _Known(session_id, None, None))
            return
        mark = _mark_of(conversation)
        if mark is None or seen.size < mark.offset:
            # From before the service kept marks, or written anew: nobody knows whose it is.
            mark = Mark(
                session_id=session_id, offset=seen.size, turn_seq=conversation.last_turn_seq
            )
        after = max(mark.turn_seq, conversation.last_turn_seq - MOST_TURNS)
        turns = await self._store.conversations.turns(
            conversation_id, after=after, limit=MOST_TURNS
        )
        ours = _Ours(turns, mark.turn_seq)
        reading, end = await anyio.to_thread.run_sync(
            partial(_read_on, file, mark, ours, adapter_for(agent_type).log_entry)
        )
        behind = Mark(
            session_id=session_id,
            offset=end,
            turn_seq=ours.turn_seq,
            elsewhere=reading.elsewhere,
        )
        if reading.said:
            if not takes_over:
                return  # it may not be over: the next prompt takes it over
            # Known to the register from here on, whether or not a process has run yet.
            self._runner.launcher.secrets_of(agent_type, options)
            await self._take_over(conversation, reading.said, behind)
        elif behind != mark:
            await self._store.conversations.mark_session(conversation_id, _json(behind))
        self._note(conversation_id, _Known(session_id, file, seen))

    def _note(self, conversation_id: str, known: _Known) -> None:
        self._known.pop(conversation_id, None)
        self._known[conversation_id] = known
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]

    async def _file(
        self, agent_type: str, options: AgentOptions, conversation_id: str, session_id: str
    ) -> Path | None:
        known = self._known.get(conversation_id)
        file = known.file if known is not None and known.session_id == session_id else None
        if file is not None and look(file) is not None:
            return file
        find = partial(self._runner.launcher.session_log, agent_type, options, session_id)
        return await anyio.to_thread.run_sync(find)

    async def _take_over(
        self, conversation: ConversationRecord, said: list[Said], mark: Mark
    ) -> None:
        conversation_id, now = conversation.conversation_id, wire.now()
        process = self._runner.pool.peek(conversation_id)
        typed = {_plain(text) for text in (process.typed if process is not None else ())}
        if any(one.role == "user" and _plain(one.text) not in typed for one in said):
            await self._runner.drop(conversation_id)
        turns = [
            TurnRecord(
                turn_id=wire.new_id("turn"),
                conversation_id=conversation_id,
                seq=0,
                role=one.role,
                direction="inbound" if one.role == "user" else "outbound",
                content=self._runner.launcher.secrets.masked(one.text),
                run_id=None,
                metadata={"origin": "session", "sessionId": mark.session_id, "at": one.at},
                created_at=now,
            )
            for one in said
        ]
        event = SessionContinued(
            session_id=mark.session_id, turn_ids=[turn.turn_id for turn in turns]
        )
        channel = await self._bus.channel(conversation_id)
        add = self._store.conversations.add_from_session
        await channel.commit(lambda: add(conversation_id, turns, _json(mark), new_event(event)))
        log.info("session_continued_elsewhere", conversation_id=conversation_id, turns=len(turns))


def _read_on(
    file: Path, mark: Mark, ours: _Ours, entry_of: Callable[[dict[str, object]], Entry | None]
) -> tuple[Reading, int]:
    lines, end = lines_from(file, mark.offset)
    entries = (entry for line in lines if (entry := _entry(line, entry_of)) is not None)
    return read(entries, ours.__contains__, elsewhere=mark.elsewhere), end


def _entry(line: bytes, entry_of: Callable[[dict[str, object]], Entry | None]) -> Entry | None:
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return entry_of(found) if isinstance(found, dict) else None


def _mark_of(conversation: ConversationRecord) -> Mark | None:
    """The mark of the conversation's present session; None where nothing can be known."""
    session_id = conversation.session_id or ""
    if conversation.session_mark is None:
        return Mark(session_id=session_id)
    kept = msgspec.json.decode(conversation.session_mark, type=Mark)
    if not kept.session_id:
        return None
    return kept if kept.session_id == session_id else Mark(session_id=session_id)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _json(mark: Mark) -> str:
    return msgspec.json.encode(mark).decode()
