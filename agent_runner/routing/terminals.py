"""What can be driven in tmux on this machine."""

from __future__ import annotations

from collections.abc import Mapping

from agent_runner.agents.base import Form
from agent_runner.agents.registry import adapter_for
from agent_runner.errors import BadRequestError, ConflictError, UnavailableError
from agent_runner.routing.options import options_of
from agent_runner.runners.terminal import TMUX_INSTALL_HINT, find_tmux
from conversation_store.records import AgentRecord


class Terminals:
    """Says whether tmux is there, and which agents it can serve."""

    def __init__(
        self, programs: Mapping[str, str], env: Mapping[str, str], *, enabled: bool
    ) -> None:
        self._programs = programs
        self._env = env
        self._enabled = enabled
        self._found = False
        self._drivable: dict[str, AgentRecord] = {}

    @property
    def tmux(self) -> bool:
        """True if tmux is installed and may be used; once found it is not looked for again."""
        self._found = self._found or find_tmux(self._programs, self._env) is not None
        return self._enabled and self._found

    def obstacle(self, agent: AgentRecord) -> UnavailableError | None:
        """Why the agent cannot be driven in tmux here; None if it can."""
        if not self._enabled:
            hint = "set tmux.enabled in the configuration"
            return _unavailable("tmux is turned off", hint)
        if not self.tmux:
            return _unavailable("tmux is not installed", TMUX_INSTALL_HINT)
        if self._drivable.get(agent.agent_id) is agent:
            return None
        adapter = adapter_for(agent.type)
        try:
            options = options_of(agent)
            adapter.check(options, Form.TERMINAL)
        except (BadRequestError, ConflictError) as error:
            return _unavailable(error.message, error.hint)
        self._drivable[agent.agent_id] = agent
        return None

    def available(self, agent: AgentRecord) -> bool:
        """True if there is no obstacle."""
        return self.obstacle(agent) is None


def _unavailable(message: str, hint: str | None) -> UnavailableError:
    return UnavailableError("tmux_unavailable", message, hint=hint)
