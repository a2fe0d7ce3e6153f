"""Codex and the OpenAI API, which other CLIs can be pointed at too."""

from __future__ import annotations

from agent_runner.agents.wordings.row import Wording
from conversation_store.codes import FailureCode as Code

_API = "https://platform.openai.com/docs/guides/error-codes/api-errors"
_CODEX = "https://github.com/openai/codex/blob/main/codex-rs/protocol/src/error.rs"
_ISSUES = "https://github.com/openai/codex/issues"

WORDINGS = (
    Wording("You've hit your usage limit. Upgrade to Pro (https://openai.com/chatgpt/pricing) or "
            "try again in 5 days 22 hours 11 minutes.", r"hit your usage limit", Code.RATE_LIMITED,
            f"{_ISSUES}/3899", 429),
    Wording("429 insufficient_quota: You exceeded your current quota, please check your plan and "
            "billing details.",
            r"insufficient_quota|billing details.{0,120}platform\.openai\.com", Code.BILLING, _API,
            429, (Code.RATE_LIMITED,)),
    Wording("Rate limit reached for gpt-5 on tokens per min. Please try again in 1m2.5s.",
            r"rate limit reached", Code.RATE_LIMITED, _API, 429),
    Wording("Incorrect API key provided: sk-x", r"incorrect api key", Code.AUTH_REQUIRED, _API,
            401),
    Wording("This model's maximum context length is 128000 tokens.",
            r"maximum context length|context.length.exceeded", Code.CONTEXT_TOO_LONG, _API, 400),
    Wording("The model `x` does not exist or you do not have access to it.",
            r"does not exist or you do not have access", Code.MODEL_NOT_FOUND, _API, 404),
    Wording("Quota exceeded. Check your plan and billing details.",
            r"quota exceeded\. check your plan", Code.BILLING, _CODEX, 429, (Code.RATE_LIMITED,)),
    Wording("Your access token could not be refreshed because your refresh token was already used. "
            "Please log out and sign in again.",
            r"token could not be refreshed|log out and sign in again", Code.AUTH_REQUIRED, _CODEX,
            401),
    Wording("Selected model is at capacity. Please try a different model.",
            r"model is at capacity", Code.OVERLOADED, _CODEX, 503),
)  # fmt: skip
