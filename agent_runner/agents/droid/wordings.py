"""Factory Droid and its service."""

from __future__ import annotations

from agent_runner.agents.wordings.row import Wording
from conversation_store.codes import FailureCode as Code

ORDER = 1
"""Some of these words are said by other services, too."""

_RECORDED = "fixtures/factory-droid/0.215.0"

WORDINGS = (
    Wording("402 the weekly usage limit is reached",
            r"(5-hour|five-hour|daily|weekly|monthly) (usage |token )?limit", Code.RATE_LIMITED,
            "https://github.com/Factory-AI/droid-action/pull/141", 402, (Code.BILLING,)),
    Wording("402 usage exhausted", r"(usage|credits?|balance).{0,20}exhausted", Code.BILLING,
            "https://github.com/Factory-AI/droid-action/pull/141", 402),
    Wording("Authentication failed. Please log in using /login or set a valid FACTORY_API_KEY",
            r"FACTORY_API_KEY", Code.AUTH_REQUIRED, f"{_RECORDED}/not-logged-in"),
    Wording("Exec ended early: insufficient permission to proceed.",
            r"insufficient permission|permission.rejected", Code.PERMISSION_DENIED,
            f"{_RECORDED}/permission-denied"),
    Wording("Session not found", r"session not found|no active session", Code.SESSION_NOT_FOUND,
            "printed by 0.215.0"),
    Wording("The model is blocked by your organization's model policy",
            r"organization.s model policy", Code.MODEL_NOT_FOUND,
            "https://github.com/Factory-AI/droid-action/blob/main/base-action/src/run-droid.ts",
            403, (Code.AUTH_REQUIRED,)),
)  # fmt: skip
