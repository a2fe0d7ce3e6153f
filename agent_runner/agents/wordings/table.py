"""All wordings, those of one CLI before what several say; the first that fits counts."""

from __future__ import annotations

import re
from collections.abc import Mapping

from agent_runner.agents.discovery import modules
from agent_runner.agents.wordings import common, openai
from agent_runner.agents.wordings.row import Wording
from conversation_store.codes import FailureCode

LOOKED_AT = 4000
"""Characters of a text that are looked at."""

WORDINGS: Mapping[str, tuple[Wording, ...]] = {
    "openai": openai.WORDINGS,
    **{type_: module.WORDINGS for type_, module in modules("wordings").items()},
    "several": common.WORDINGS,
}
"""By agent type, or by what else speaks so."""

_VAGUE = frozenset((FailureCode.INVALID_REQUEST, FailureCode.API_ERROR, FailureCode.CLI_ERROR))

_PATTERNS = tuple(
    (re.compile(wording.pattern, re.IGNORECASE | re.DOTALL), wording)
    for wordings in WORDINGS.values()
    for wording in wordings
)


def is_sure(code: str | None) -> bool:
    """True if a status, or a CLI's own word, that means `code` says what is wrong."""
    return code is not None and code not in _VAGUE


def wording_of(text: str, known: str | None = None) -> Wording | None:
    """The first wording in `text`, which may not contradict what is `known` for sure."""
    text = text[:LOOKED_AT]
    for pattern, wording in _PATTERNS:
        fits = not is_sure(known) or known == wording.code or known in wording.over
        if fits and pattern.search(text):
            return wording
    return None
