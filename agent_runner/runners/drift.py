"""What CLIs print that the schemas do not know: told once for each version, and counted.

A CLI that is newer than what was recorded of it is said to be so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from agent_runner.agents.base import Adapter
from agent_runner.agents.registry import adapter_for
from agent_runner.events.notice import Notice
from agent_runner.process.programs import is_newer

MOST_VERSIONS = 100
MOST_NAMES = 200


class DriftCount(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Of one version of a CLI since the service began: how often each unknown name came.

    `recorded` is the newest version that the schemas were recorded from, None of a program of
    which nothing was; `newer` says that this one came after it.
    """

    type: str
    version: str | None
    recorded: str | None
    newer: bool
    names: dict[str, int]


class DriftLog:
    """Of all processes of the service."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str | None], Counter[str]] = {}

    def note(
        self, adapter: Adapter, version: str | None, counts: Mapping[str, int]
    ) -> Notice | None:
        """Count what a turn has printed; the notice of what is told for the first time."""
        key = (adapter.type, version)
        if key not in self._counts and len(self._counts) >= MOST_VERSIONS:
            return None
        known = self._counts.setdefault(key, Counter())
        room = MOST_NAMES - len(known)
        new = dict([one for one in counts.items() if one[0] not in known][:room])
        known.update({name: counts[name] for name in counts if name in known or name in new})
        if not new:
            return None
        text = "printed fields or values that its schemas do not know"
        return Notice(
            code="drift", level="warning", message=f"{_called(adapter, version)} {text}", data=new
        )

    def present(self) -> list[DriftCount]:
        """What was counted, by type and version."""
        return [
            DriftCount(
                type=type_,
                version=version,
                recorded=(recorded := adapter_for(type_).newest_recorded),
                newer=is_newer(version, recorded),
                names=dict(counts),
            )
            for (type_, version), counts in self._counts.items()
        ]


def _called(adapter: Adapter, version: str | None) -> str:
    recorded = adapter.newest_recorded
    name = f"{adapter.title} {version}" if version else adapter.title
    return f"{name}, newer than the recorded {recorded}," if is_newer(version, recorded) else name
