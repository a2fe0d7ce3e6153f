"""What a log line may hold: whoever reads it in a terminal must not be steered by it."""

from __future__ import annotations

import logging
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from agent_runner.plain_text import clean


def plain_values(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Clean every value: a reason, a path or an error may be a stranger's text."""
    return {name: _plain(value) for name, value in event.items()}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int, float)) else clean(str(value))


class Forwarding(logging.Handler):
    """Takes the log lines of libraries into the service's own log."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line, with its traceback if there is one."""
        log = structlog.get_logger(record.name)
        log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)
