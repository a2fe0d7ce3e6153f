"""Words that several CLIs and libraries use, and that alone say little: the last to count."""

from __future__ import annotations

from agent_runner.agents.wordings.row import Wording
from agent_runner.errors import FailureCode as Code

_NODE = "https://nodejs.org/api/errors.html"
_HTTP = "https://www.rfc-editor.org/rfc/rfc9110.html"

WORDINGS = (
    Wording("this exceeds the model's context",
            r"exceeds? the .{0,30}context|context (window|length) (is |was )?(exceeded|too)"
            r"|input token count", Code.CONTEXT_TOO_LONG, _HTTP),
    Wording("rejected by content moderation", r"content moderati", Code.REFUSED, _HTTP),
    Wording("authentication failed",
            r"authentication (failed|required)|failed to authenticate|unauthorized"
            r"|unauthenticated", Code.AUTH_REQUIRED, _HTTP, 401),
    Wording("no prompt provided", r"no prompt provided|prompt is required", Code.NO_INPUT,
            "parsers of command lines"),
    Wording("error: unknown option '--nope'",
            r"unknown option|unknown argument|unknown command|invalid --|not enough arguments"
            r"|option .{0,80} (argument missing|is invalid)|allowed choices|invalid values",
            Code.CLI_USAGE, "parsers of command lines"),
    Wording("invalid model", r"invalid model", Code.MODEL_NOT_FOUND, _HTTP),
    Wording("Overloaded", r"overloaded", Code.OVERLOADED, _HTTP),
    Wording("Too Many Requests", r"rate.?limit|too many requests|hit your .{0,20}limit|quota",
            Code.RATE_LIMITED, _HTTP, 429),
    Wording("Payment Required: see Plans & Billing",
            r"payment required|billing|credit balance|usage.exhausted", Code.BILLING, _HTTP, 402),
    Wording("connect ECONNREFUSED 127.0.0.1:1",
            r"econnrefused|econnreset|enotfound|etimedout|eai_again|api error: terminated"
            r"|connection (error|refused|reset)|fetch failed|socket hang up"
            r"|unable to connect|network error|incomplete json segment|premature close"
            r"|request timed out|certificate (verification failed|has expired)"
            r"|self.signed certificate|unable to verify the first certificate",
            Code.CONNECTION_FAILED, _NODE),
)  # fmt: skip
