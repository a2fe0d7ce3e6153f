"""Where a page's stream is to go on: a place in every conversation and log that it carries."""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

import msgspec

from agent_runner.api.bodies import MalformedJsonError

MOST_PLACES = 200
LONGEST = 16_384
SLACK_MS = 60_000
_CONVERSATION = re.compile(r"conv_([0-9a-f]{28})")


class _Packed(msgspec.Struct, array_like=True, frozen=True):
    store: str
    newest: str
    logs: dict[str, int]
    short: dict[bytes, int]
    long: dict[str, int]


class PageCursor:
    """Places by conversation and by log, each the seq of the last event that was read.

    A conversation that is read no more keeps its place, as long as there are at most MOST_PLACES.
    One that began after the `newest` is read from its beginning.
    """

    def __init__(
        self,
        store: str,
        newest: str = "",
        conversations: dict[str, int] | None = None,
        logs: dict[str, int] | None = None,
    ) -> None:
        self.store = store
        self.newest = newest
        self.conversations = conversations or {}
        self.logs = logs or {}

    @property
    def known_until(self) -> str:
        """What sorts before the ids of all conversations that may have begun since.

        They get their ids a moment before they are stored, not always in the same order.
        """
        plain = _CONVERSATION.fullmatch(self.newest)
        if plain is None:
            return self.newest
        tick = int(plain[1][:16], 16) - (SLACK_MS << 16)
        return f"conv_{max(0, tick):016x}"

    def note(self, conversation_id: str, seq: int) -> None:
        """An event was read; the place that was moved last is the last to be forgotten."""
        self.conversations.pop(conversation_id, None)
        self.conversations[conversation_id] = seq
        self.newest = max(self.newest, conversation_id)
        if len(self.conversations) > MOST_PLACES:
            del self.conversations[next(iter(self.conversations))]

    def text(self) -> str:
        """The cursor as a client keeps it."""
        short: dict[bytes, int] = {}
        long: dict[str, int] = {}
        for name, seq in self.conversations.items():
            plain = _CONVERSATION.fullmatch(name)
            if plain is not None:
                short[bytes.fromhex(plain[1])] = seq
            else:
                long[name] = seq
        packed = msgspec.msgpack.encode(_Packed(self.store, self.newest, self.logs, short, long))
        return urlsafe_b64encode(packed).rstrip(b"=").decode()


def parse(text: str, store: str) -> PageCursor:
    """The cursor of `text`; BadRequestError `invalid_cursor`, `foreign_cursor`."""
    try:
        if len(text) > LONGEST:
            raise ValueError("too long")
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        packed = msgspec.msgpack.decode(data, type=_Packed)
    except (ValueError, binascii.Error, msgspec.MsgspecError, UnicodeError) as error:
        raise MalformedJsonError(
            "invalid_cursor",
            f"{text[:40]!r} is no cursor of this stream",
            hint="start again without a cursor",
        ) from error
    if packed.store != store:
        raise MalformedJsonError(
            "foreign_cursor",
            "this cursor is of another service's store",
            hint="start again without a cursor",
        )
    places = {f"conv_{name.hex()}": seq for name, seq in packed.short.items()} | packed.long
    return PageCursor(store, packed.newest, places, dict(packed.logs))
