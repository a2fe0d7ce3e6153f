"""gemini: every case."""

from __future__ import annotations

from agent_runner.recorder.cases.case import Suite

SUITE = Suite(agent="gemini", env={}, cases=())
