"""Where single tasks are started."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol


class Tasks(Protocol):
    """A task group, or what guards one: those who start tasks need no more of it."""

    def start_soon(self, func: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> object:
        """Start `func(*args)`."""
        ...
