"""Gemini CLI: every case, one-shot and warm (Agent Client Protocol)."""

from __future__ import annotations

from agent_runner.recorder.cases.case import Suite
from agent_runner.recorder.cases.gemini_edges import EDGES
from agent_runner.recorder.cases.gemini_failures import FAILURES
from agent_runner.recorder.cases.gemini_oneshot import ONE_SHOT
from agent_runner.recorder.cases.gemini_terminal import TERMINAL
from agent_runner.recorder.cases.gemini_warm import WARM

_SETTINGS = """{
 "security": {"auth": {"selectedType": "gemini-api-key"}},
 "privacy": {"usageStatisticsEnabled": false},
 "telemetry": {"enabled": false},
 "general": {"enableAutoUpdate": false}
}
"""

SUITE = Suite(
    agent="gemini",
    env={
        "GEMINI_API_KEY": "test",
        "GOOGLE_GEMINI_BASE_URL": "{url}",
        "GEMINI_CLI_TRUST_WORKSPACE": "true",
        "GEMINI_CLI_NO_RELAUNCH": "1",
        "GEMINI_TELEMETRY_ENABLED": "false",
    },
    home_files={".gemini/settings.json": _SETTINGS},
    files={"a.txt": "alpha\nbeta\n"},
    options={"model": "gemini-2.5-flash"},
    cases=(*ONE_SHOT, *EDGES, *WARM, *TERMINAL, *FAILURES),
)
