"""What a custom command may print: the protocol of a CLI that we know, by its agent type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple, Protocol

from agent_runner.agents.base import AgentOptions, CliProtocol, Form
from agent_runner.agents.discovery import modules


class CountingProtocol(CliProtocol, Protocol):
    """A protocol that counts what it has seen."""

    @property
    def seen(self) -> Counter[str]:
        """See `ProtocolBase`."""
        ...

    def saw(self, name: str) -> None:
        """Count a message."""
        ...


class Dialect(NamedTuple):
    """How a command's lines are read. `warm` if its process may serve several prompts."""

    protocol: Callable[[AgentOptions, Form, str | None], CountingProtocol]
    warm: bool = False


def dialects() -> dict[str, Dialect]:
    """The dialects that the folders of CLIs offer in a module `dialect`, by agent type."""
    return {type_: module.DIALECT for type_, module in modules("dialect").items()}
