"""What can be driven in tmux on this machine."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from agent_runner.agents.base import AgentOptions, Form
from agent_runner.agents.registry import adapter_for
from agent_runner.errors import BadRequestError
from agent_runner.process.programs import find
from conversation_store.records import AgentRecord


class Terminals:
    """Says whether tmux is there, and which agents it can serve."""

    def __init__(self, env: Mapping[str, str], *, enabled: bool) -> None:
        self._env = env
        self._enabled = enabled

    @property
    def tmux(self) -> bool:
        """True if tmux is installed and may be used."""
        return self._enabled and find("tmux", self._env) is not None

    def available(self, agent: AgentRecord) -> bool:
        """True if tmux is there, and the agent's CLI can be driven in it."""
        if not self.tmux:
            return False
        options = msgspec.convert(agent.options, AgentOptions)
        adapter = adapter_for(agent.type)
        try:
            launch = adapter.launch(options, Form.TERMINAL, resume=None, private_dir="/private")
        except BadRequestError:
            return False
        return launch.terminal is not None
