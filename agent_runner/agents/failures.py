"""Why a turn failed, from what a CLI leaves behind: HTTP statuses, messages, exit codes."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable

import msgspec

from agent_runner.agents.base import Exit
from agent_runner.agents.resets import told_words
from agent_runner.agents.wordings.table import LOOKED_AT, is_sure, wording_of
from conversation_store.codes import FailureCode

ERROR_LIMIT = 500
"""Most characters of a CLI's own error text that an event repeats."""

_BY_STATUS = {
    400: FailureCode.INVALID_REQUEST,
    401: FailureCode.AUTH_REQUIRED,
    402: FailureCode.BILLING,
    403: FailureCode.AUTH_REQUIRED,
    404: FailureCode.MODEL_NOT_FOUND,
    407: FailureCode.CONNECTION_FAILED,
    408: FailureCode.CONNECTION_FAILED,
    413: FailureCode.CONTEXT_TOO_LONG,
    422: FailureCode.INVALID_REQUEST,
    429: FailureCode.RATE_LIMITED,
    503: FailureCode.OVERLOADED,
    529: FailureCode.OVERLOADED,
}

# Types of errors in the bodies of the providers' APIs, where no status stands beside them.
_BY_TYPE = {
    "authentication_error": FailureCode.AUTH_REQUIRED,
    "permission_error": FailureCode.AUTH_REQUIRED,
    "billing_error": FailureCode.BILLING,
    "not_found_error": FailureCode.MODEL_NOT_FOUND,
    "request_too_large": FailureCode.CONTEXT_TOO_LONG,
    "rate_limit_error": FailureCode.RATE_LIMITED,
    "overloaded_error": FailureCode.OVERLOADED,
    "RESOURCE_EXHAUSTED": FailureCode.RATE_LIMITED,
    "UNAUTHENTICATED": FailureCode.AUTH_REQUIRED,
    "PERMISSION_DENIED": FailureCode.AUTH_REQUIRED,
    "UNAVAILABLE": FailureCode.OVERLOADED,
}
_TYPE = re.compile(rf"\b(?:{'|'.join(_BY_TYPE)})\b")

# Statuses in a provider's error text: `API Error: 529 ...`, `"code":503`, `status 401`.
_STATUS = re.compile(
    r"""(?:^|[A-Za-z]*Error:?|["']?code["']?\s*:|status(?: code)?:?|HTTP(?:/[\d.]+)?"""
    r"""|rejected\s\()\s*(\d{3})\b(?![.,:]\d)"""
)


def code_for_status(status: float | None) -> FailureCode | None:
    """The code of an HTTP status; None for no status or a good one."""
    if status is None or not 400 <= status < 600:
        return None
    code = _BY_STATUS.get(int(status))
    if code is None:
        code = FailureCode.INVALID_REQUEST if status < 500 else FailureCode.API_ERROR
    return code


def code_for_text(text: str) -> FailureCode | None:
    """The code that a CLI's own words tell, if they do. Reads the first 4,000 characters."""
    return code_for(None, text)


def code_for_stack(stderr: str) -> FailureCode | None:
    """The code of the last HTTP status that a stack trace on stderr names."""
    found = _STATUS.findall(stderr[-8000:])
    return code_for_status(int(found[-1])) if found else None


def code_for(
    status: float | None, text: str, told: FailureCode | None = None
) -> FailureCode | None:
    """The code of a failure with this HTTP status and text, of which the CLI said `told`.

    What says for sure what is wrong (a status but 400 and 500, `told`, a status or a type of
    error in the text) is not overruled by words, unless those are known to be more exact.
    """
    named = (code_for_status(status), told, _named_in(text[:LOOKED_AT]))
    known = next(filter(is_sure, named), None) or next(filter(None, named), None)
    wording = wording_of(text, known)
    return known if wording is None else wording.code


def _named_in(text: str) -> FailureCode | None:
    if found := _STATUS.search(text):
        return code_for_status(int(found[1]))
    found = _TYPE.search(text)
    return _BY_TYPE[found[0]] if found else None


def readable(text: str) -> str:
    """A provider's error in JSON, perhaps after a status, as its message; or the text.

    A message that is such a JSON again is read on; a time after which to try again is kept.
    """
    message, words = text, None
    for _ in range(_DEEPEST):
        inner = _message_in(message)
        if inner is None:
            break
        words = told_words(message) or words
        message = inner
    if words is None or told_words(message) is not None:
        return message
    return f"{message} ({_plain(words)})"


_DEEPEST = 3


def _message_in(text: str) -> str | None:
    start = text.find("{")
    if start < 0 or start > 40 or len(text) > 100_000:
        return None
    try:
        inner = msgspec.json.decode(text[start:].rstrip(" ]\n").encode("utf-8", "replace"))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    if not isinstance(inner, dict):
        return None
    error = inner.get("error")
    message = error.get("message") if isinstance(error, dict) else error
    if error is None:
        message = inner.get("message") or inner.get("detail")
    if not isinstance(message, str) or not message:
        return None
    return f"{text[:start].strip(' [')} {message}".strip()


def _plain(words: str) -> str:
    return words.replace('"', "").replace("\\", "")


def short(text: str) -> str:
    """An error text of bounded length; what it says of when to try again is not cut off."""
    text = text.strip()
    if len(text) <= ERROR_LIMIT:
        return text
    words = told_words(text) or ""
    kept = text[:ERROR_LIMIT]
    return f"{kept}..." if not words or words in kept else f"{kept}... {words}"


def error_line(stderr: str, noise: Iterable[re.Pattern[str]] = ()) -> str:
    """The line of stderr that says what went wrong: the last one with "error", or the last."""
    lines = [line.strip() for line in stderr.split("\n")]
    lines = [line for line in lines if line and not any(n.search(line) for n in noise)]
    for line in reversed(lines):
        if "error" in line.lower() or code_for_text(line) is not None:
            return short(line)
    return short(lines[-1]) if lines else ""


def exit_verdict(
    end: Exit,
    *,
    by_code: dict[int, FailureCode] | None = None,
    noise: Iterable[re.Pattern[str]] = (),
) -> tuple[FailureCode, str]:
    """Why a process that ended without a result failed: a code and a text."""
    text = error_line(end.stderr_tail, noise)
    code = end.code
    if code is None:
        return FailureCode.NO_RESULT, text or "the CLI ended without a result"
    number = -code if code < 0 else code - 128 if code in _SIGNAL_EXITS else 0
    if by_code and code in by_code:
        known = code_for(None, text, by_code[code])
        if code_for_text(text) is FailureCode.SESSION_NOT_FOUND:
            known = FailureCode.SESSION_NOT_FOUND
        return known or by_code[code], text or f"the CLI ended with exit code {code}"
    if number:
        return FailureCode.CLI_KILLED, f"the CLI was ended by {_signal_name(number)}"
    if code == 0:
        # Exit 0 says nothing: CLIs print noise on stderr in good runs too.
        return FailureCode.NO_RESULT, "the CLI ended with exit code 0 and no result"
    return (
        code_for_text(text) or FailureCode.CLI_ERROR,
        text or f"the CLI ended with exit code {code}",
    )


_SIGNAL_EXITS = frozenset(128 + n for n in (1, 2, 3, 6, 9, 11, 13, 15))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
