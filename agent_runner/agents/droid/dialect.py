"""Factory Droid's stream-json, which other programs print too."""

from __future__ import annotations

from agent_runner.agents.dialect import Dialect
from agent_runner.agents.droid.protocol import DroidProtocol

ORDER = 1
DIALECT = Dialect(DroidProtocol)
