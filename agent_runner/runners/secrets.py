"""The register of secrets: the service's own and those of its agents, whichever way they came."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from agent_runner import quoting
from agent_runner.agents import secrets
from agent_runner.process.redact import secrets_in

MOST = 10_000
"""Secrets that are known at a time; of more, the newest."""


class Secrets:
    """What every text of the service is masked by.

    `of` says what is masked in the output of one agent's programs, and remembers it: a log line,
    an error or a diff may hold it later.
    """

    def __init__(self, own: Iterable[str] = ()) -> None:
        self._own: dict[str, None] = {}
        self._known: dict[str, None] = {}
        self._pattern: re.Pattern[str] | None = None
        self.add(own)

    def add(self, own: Iterable[str]) -> None:
        """More of the service's own."""
        self._own.update(dict.fromkeys(filter(None, own)))
        self._remember(self._own)

    def of(
        self, options: Mapping[str, Any], environment: Mapping[str, str] | None = None
    ) -> list[str]:
        """The service's own secrets, the agent's, and those of the environment it gets."""
        found = [*self._own, *secrets.secrets_of(options), *secrets_in(environment or {})]
        self._remember(found)
        return list(dict.fromkeys(found))

    def masked(self, text: str) -> str:
        """`text` with a `*` for each character of a secret."""
        if self._pattern is None:
            if not self._known:
                return text
            longest_first = sorted(self._known, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(quoting.regex, longest_first)))
        return self._pattern.sub(lambda found: "*" * len(found[0]), text)

    def _remember(self, found: Iterable[str]) -> None:
        for secret in found:
            if secret not in self._known:
                self._known[secret] = None
                self._pattern = None
        while len(self._known) > MOST + len(self._own):
            del self._known[next(name for name in self._known if name not in self._own)]
            self._pattern = None
