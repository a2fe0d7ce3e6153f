"""ACP as what a custom command speaks."""

from __future__ import annotations

from agent_runner.agents.acp.protocol import AcpProtocol
from agent_runner.agents.dialect import Dialect

DIALECT = Dialect(AcpProtocol, warm=True)
