"""Whether the last runs of a conversation's session did nothing at all, each in its own way."""

from __future__ import annotations

from agent_runner.agents.wordings.table import wording_of
from agent_runner.events.registry import events_of
from conversation_store.codes import FailureCode
from conversation_store.interfaces import Store
from conversation_store.records import RunRecord

_OF_THE_SESSION = frozenset(
    {
        FailureCode.SESSION_NOT_FOUND,
        FailureCode.SESSION_BROKEN,
        FailureCode.CLI_ERROR,
        FailureCode.CLI_KILLED,
        FailureCode.NO_RESULT,
        FailureCode.PROTOCOL_ERROR,
    }
)
_HANGS = (FailureCode.START_TIMEOUT, FailureCode.STALLED)
_FRUIT = frozenset(name for name, event in events_of("conversation").items() if event.fruit)


def may_be_the_session(code: str | None, error: str | None) -> bool:
    """True for ends of a turn that a session may cause that cannot be gone on with.

    A request that the model's service refuses in words that are known is refused for these.
    """
    if code == FailureCode.INVALID_REQUEST:
        return wording_of(error or "", code) is None
    return code in _OF_THE_SESSION


async def last_fruitless(
    store: Store, conversation_id: str, run_id: str, most: int
) -> RunRecord | None:
    """The conversation's run before `run_id`, if the `most` before it all failed with no word.

    A CLI that hangs, or prints what nobody can read, gets no second process in one run: only the
    next prompts show that it does so in this session each time.
    """
    earlier = await store.runs.before(run_id, conversation_id, most)
    if len(earlier) < most:
        return None
    for each in earlier:
        if not (each.code in _HANGS or may_be_the_session(each.code, each.error)):
            return None
        if await _told_anything(store, each.run_id):
            return None
    return earlier[0]


async def _told_anything(store: Store, run_id: str) -> bool:
    async for page in store.events.of_run(run_id, after=0, until=2**62):
        if any(event.type in _FRUIT for event in page):
            return True
    return False
