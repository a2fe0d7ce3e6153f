"""Why a turn failed, from what a CLI leaves behind: HTTP statuses, messages, exit codes."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable

import msgspec

from agent_runner.agents.base import Exit
from agent_runner.errors import FailureCode

ERROR_LIMIT = 500
"""Most characters of a CLI's own error text that an event repeats."""

_BY_STATUS = {
    400: FailureCode.INVALID_REQUEST,
    401: FailureCode.AUTH_REQUIRED,
    402: FailureCode.BILLING,
    403: FailureCode.AUTH_REQUIRED,
    404: FailureCode.MODEL_NOT_FOUND,
    408: FailureCode.CONNECTION_FAILED,
    413: FailureCode.CONTEXT_TOO_LONG,
    422: FailureCode.INVALID_REQUEST,
    429: FailureCode.RATE_LIMITED,
    503: FailureCode.OVERLOADED,
    529: FailureCode.OVERLOADED,
}

# Texts that say more than the status they come with, most telling first.
_BY_TEXT: tuple[tuple[re.Pattern[str], FailureCode], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), code)
    for pattern, code in (
        (r"prompt is too long|context.length.exceeded|exceeds? the maximum number of tokens"
         r"|exceeds? the .{0,30}context|context (window|length) (is |was )?(exceeded|too)"
         r"|input token count", FailureCode.CONTEXT_TOO_LONG),
        (r"safeguards flagged|blocked due to safety|content moderati", FailureCode.REFUSED),
        (r"credit balance|billing|payment required|usage.exhausted", FailureCode.BILLING),
        (r"no conversation found|session not found|no active session|invalid session identifier"
         r"|no previous sessions found|error resuming session", FailureCode.SESSION_NOT_FOUND),
        (r"session id .{0,80} is already in use", FailureCode.SESSION_IN_USE),
        (r"not logged in|please run /login|invalid api key|api key not (valid|found)"
         r"|authentication (failed|required)|must specify the \S+ environment variable"
         r"|set an auth method|failed to authenticate|authentication_error|unauthorized"
         r"|unauthenticated|FACTORY_API_KEY",
         FailureCode.AUTH_REQUIRED),
        (r"not running in a trusted directory|untrusted (folder|workspace)",
         FailureCode.UNTRUSTED_FOLDER),
        (r"input must be provided|no input provided|no prompt provided|prompt is required",
         FailureCode.NO_INPUT),
        (r"unknown option|unknown argument|unknown command|invalid --|not enough arguments"
         r"|invalid session id|option .{0,80} (argument missing|is invalid)"
         r"|cannot be used with root|requires --verbose|allowed choices|invalid values"
         r"|mcp config|settings file not found", FailureCode.CLI_USAGE),
        (r"issue with the selected model|models?[ /].{0,80}not (found|available)|not_found_error"
         r"|invalid model", FailureCode.MODEL_NOT_FOUND),
        (r"overloaded|experiencing high demand", FailureCode.OVERLOADED),
        (r"rate.?limit|too many requests|hit your .{0,20}limit|usage limit reached"
         r"|resource.exhausted|quota",
         FailureCode.RATE_LIMITED),
        (r"insufficient permission|permission.rejected", FailureCode.PERMISSION_DENIED),
        (r"max(imum)? session turns|turn limit", FailureCode.MAX_TURNS),
        (r"econnrefused|econnreset|enotfound|api error: terminated"
         r"|connection (error|refused|reset)|fetch failed|socket hang up"
         r"|unable to connect|network error|incomplete json segment|premature close",
         FailureCode.CONNECTION_FAILED),
    )
)  # fmt: skip

# Statuses in a provider's error text: `API Error: 529 ...`, `"code":503`, `status 401`.
_STATUS = re.compile(
    r"""(?:^|API Error:?|["']?code["']?\s*:|status(?: code)?:?|HTTP)\s*(\d{3})\b(?![.,:]\d)"""
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
    text = text[:4000]
    for pattern, code in _BY_TEXT:
        if pattern.search(text):
            return code
    found = _STATUS.search(text)
    return code_for_status(int(found[1])) if found else None


def code_for_stack(stderr: str) -> FailureCode | None:
    """The code of the last HTTP status that a stack trace on stderr names."""
    found = _STATUS.findall(stderr[-8000:])
    return code_for_status(int(found[-1])) if found else None


def code_for(status: float | None, text: str) -> FailureCode | None:
    """Both: the text first where it says more than a plain 400, then the status."""
    by_status = code_for_status(status)
    by_text = code_for_text(text)
    if by_status in (None, FailureCode.INVALID_REQUEST, FailureCode.API_ERROR):
        return by_text or by_status
    if by_text in (FailureCode.BILLING, FailureCode.CONTEXT_TOO_LONG):
        return by_text
    return by_status


def readable(text: str) -> str:
    """A provider's error in JSON, perhaps after a status, as its message; or the text."""
    start = text.find("{")
    if start < 0 or start > 40 or len(text) > 100_000:
        return text
    try:
        inner = msgspec.json.decode(text[start:].rstrip(" ]\n").encode("utf-8", "replace"))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return text
    error = inner.get("error") if isinstance(inner, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    if not isinstance(message, str) or not message:
        return text
    return f"{text[:start].strip(' [')} {message}".strip()


def short(text: str) -> str:
    """An error text of bounded length."""
    text = text.strip()
    return text if len(text) <= ERROR_LIMIT else text[:ERROR_LIMIT] + "..."


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
        told = code_for_text(text)
        known = told if told is FailureCode.SESSION_NOT_FOUND else by_code[code]
        return known, text or f"the CLI ended with exit code {code}"
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
