"""What a log line may hold: whoever reads it in a terminal must not be steered by it."""

from __future__ import annotations

import logging
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from agent_runner.plain_text import clean
from agent_runner.runners.secrets import Secrets


def plain_values(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Clean every value: a reason, a path or an error may be a stranger's text."""
    return {name: _plain(value) for name, value in event.items()}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int, float)) else clean(str(value))


class MaskedValues:
    """A processor that masks the `secrets` known by then; it comes after `plain_values`."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
        """Mask every text."""
        return {
            name: self._secrets.masked(value) if isinstance(value, str) else value
            for name, value in event.items()
        }


class Forwarding(logging.Handler):
    """Takes the log lines of libraries into the service's own log."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line, with its traceback if there is one."""
        log = structlog.get_logger(record.name)
        log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)
