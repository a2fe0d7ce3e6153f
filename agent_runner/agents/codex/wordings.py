"""Codex CLI. What OpenAI's API says is with the words of that."""

from __future__ import annotations

from agent_runner.agents.wordings.row import Wording
from conversation_store.codes import FailureCode as Code

ORDER = 2
"""Some of these words are said by other CLIs, too."""

_RECORDED = "fixtures/codex/0.171.0"

WORDINGS = (
    Wording("Incomplete response returned, reason: max_output_tokens", r"reason: max_output_tokens",
            Code.MAX_OUTPUT, f"{_RECORDED}/max-tokens"),
    Wording("Incomplete response returned, reason: content_filter", r"reason: content_filter",
            Code.REFUSED, f"{_RECORDED}/refusal"),
    Wording("no rollout found for thread id x", r"no rollout found for|thread not found: ",
            Code.SESSION_NOT_FOUND, f"{_RECORDED}/session-unknown"),
    Wording("ERROR: No saved session found with ID x", r"no saved session found with id",
            Code.SESSION_NOT_FOUND, f"{_RECORDED}/terminal-session-unknown"),
    Wording("Input exceeds the maximum length of 1048576 characters.",
            r"input exceeds the maximum length of", Code.CONTEXT_TOO_LONG,
            f"{_RECORDED}/big-prompt", hint="send at most 1,048,576 characters"),
    Wording("Missing environment variable: `OPENAI_API_KEY`.", r"missing environment variable: `",
            Code.AUTH_REQUIRED, f"{_RECORDED}/not-logged-in",
            hint="set the variable that the provider's `env_key` in ~/.codex/config.toml names"),
    Wording("Connection failed: error sending request", r"connection failed: error sending request",
            Code.CONNECTION_FAILED, f"{_RECORDED}/connection-refused"),
)  # fmt: skip
