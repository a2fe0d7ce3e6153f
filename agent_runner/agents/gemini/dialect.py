"""Gemini CLI's stream-json, which other programs print too."""

from __future__ import annotations

from agent_runner.agents.dialect import Dialect
from agent_runner.agents.gemini.protocol import GeminiProtocol

DIALECT = Dialect(GeminiProtocol)
