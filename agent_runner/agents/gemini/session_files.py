"""Gemini CLI's session files, which must not be resumed in the minute of their name.

The CLI (0.61.0) names a session's file by the minute and the id. A warm process that resumes a
session in the minute of its file begins a file of that very name, and the session is lost; with
a file of another minute it goes on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from agent_runner import quoting

_MINUTE = re.compile(r"(?<=session-)\d{4}-\d\d-\d\dT\d\d-\d\d(?=-)")
_FORMAT = "%Y-%m-%dT%H-%M"


def patterns(env: Mapping[str, str], session_id: str) -> list[str]:
    """Glob patterns of all files of the session, whose names hold a part of its id."""
    home = env.get("GEMINI_CLI_HOME") or env.get("HOME")
    if not home:
        return []
    name = f"tmp/*/chats/session-*-{quoting.glob(session_id[:8])}.json*"
    return [f"{quoting.glob(home)}/{folder}{name}" for folder in (".gemini/", "")]


def earlier_names(name: str, now: datetime) -> Iterator[str]:
    """The name with one earlier minute after another, if its own is the present one.

    Times in names are UTC. The next minute counts too: it may come before the process does.
    """
    present = {moment.strftime(_FORMAT) for moment in (now, now + timedelta(minutes=1))}
    found = _MINUTE.search(name)
    if found is None or found[0] not in present:
        return
    moment = datetime.strptime(found[0], _FORMAT).replace(tzinfo=UTC)
    while True:
        moment -= timedelta(minutes=1)
        yield _MINUTE.sub(moment.strftime(_FORMAT), name)
