"""Claude Code's stream-json, which other programs print too."""

from __future__ import annotations

from agent_runner.agents.claude.protocol import ClaudeProtocol
from agent_runner.agents.dialect import Dialect

DIALECT = Dialect(ClaudeProtocol, warm=True)
