"""Sets the files of a CLI's session back by minutes, where their names tell their minute.

Gemini CLI (0.61.0) names a session's file by the minute and the id. A process that resumes a
session in the minute of its file begins a file of that very name, and the session is lost; with
a file of another minute it goes on.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

_MINUTE = re.compile(r"(?<=session-)\d{4}-\d\d-\d\dT\d\d-\d\d(?=-)")
_FORMAT = "%Y-%m-%dT%H-%M"


def set_back(patterns: Iterable[str], now: datetime | None = None) -> bool:
    """Rename what `patterns` find of the present minute; False if nothing is found at all.

    Times in names are UTC. The next minute counts too: it may come before the process does.
    """
    now = now or datetime.now(UTC)
    present = {moment.strftime(_FORMAT) for moment in (now, now + timedelta(minutes=1))}
    found = [Path(name) for pattern in patterns for name in glob.glob(pattern)]
    for file in found:
        minute = _MINUTE.search(file.name)
        if minute is not None and minute[0] in present:
            file.rename(_earlier(file, minute[0]))
    return bool(found)


def _earlier(file: Path, minute: str) -> Path:
    """A name of the newest minute before `minute` that no file has."""
    moment = datetime.strptime(minute, _FORMAT).replace(tzinfo=UTC)
    while True:
        moment -= timedelta(minutes=1)
        name = file.with_name(_MINUTE.sub(moment.strftime(_FORMAT), file.name))
        if not name.exists():
            return name
