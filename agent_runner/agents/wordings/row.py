"""One wording of a failure, and where it is known from."""

from __future__ import annotations

from typing import NamedTuple

from conversation_store.codes import FailureCode


class Wording(NamedTuple):
    """`pattern` is looked for anywhere, in any case; `said` is an example of what it finds.

    `status` is the HTTP status that it comes with, if it does. A status or a word of the CLI
    that is sure of its code stands, unless the wording is known to be more exact than it: `over`
    names those codes. `hint` says what to do where the code's own advice would mislead.
    """

    said: str
    pattern: str
    code: FailureCode
    source: str
    status: int | None = None
    over: tuple[FailureCode, ...] = ()
    hint: str | None = None
