"""Claude Code: every case, one-shot, warm and in its terminal UI."""

from __future__ import annotations

from agent_runner.recorder.cases.case import Case, Suite
from agent_runner.recorder.cases.claude_edges import EDGES
from agent_runner.recorder.cases.claude_failures import FAILURES
from agent_runner.recorder.cases.claude_oneshot import ONE_SHOT
from agent_runner.recorder.cases.claude_terminal import TERMINAL
from agent_runner.recorder.cases.claude_warm import WARM

_CASES: tuple[Case, ...] = (*ONE_SHOT, *EDGES, *WARM, *TERMINAL, *FAILURES)

SUITE = Suite(
    agent="claude-code",
    env={
        "CLAUDE_CONFIG_DIR": "{home}/.claude",
        "ANTHROPIC_BASE_URL": "{url}",
        "ANTHROPIC_API_KEY": "test",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "DISABLE_AUTOUPDATER": "1",
    },
    files={"a.txt": "alpha\nbeta\n"},
    cases=_CASES,
)
