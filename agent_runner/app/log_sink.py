"""Where log lines go: to a stream, by a thread of its own, so that nobody waits for its reader."""

from __future__ import annotations

import os
import queue
import select
import threading
from collections.abc import Iterator
from typing import TextIO

from agent_runner import wire
from agent_runner.troubles import Trouble

MAX_WAITING = 10_000
LEAVE_WAIT_S = 1.0

RETRY_S = 1.0
"""How often it is tried whether a stream that took nothing takes lines again."""


class LogSink:
    """A file to print to. Lines that cannot be written, or wait too long, are lost and counted.

    A terminal that is stopped, or a pipe that nobody reads, would otherwise stop the service. A
    disk that is full passes: a line then says how many are missing.
    """

    def __init__(self, stream: TextIO) -> None:
        self._descriptor = stream.fileno()
        self._waiting: queue.Queue[str | None] = queue.Queue(MAX_WAITING)
        self._lock = threading.Lock()
        self._lost = 0
        self._since = ""
        self._reason = ""
        self._mid_line = False
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, text: str) -> int:
        """Take `text`, or lose it."""
        try:
            self._waiting.put_nowait(text)
        except queue.Full:
            self._lose("nobody reads it")
        return len(text)

    def flush(self) -> None:
        """Nothing: each line is written at once."""

    def close(self) -> None:
        """Wait a moment for what was taken to be written."""
        self._closing = True
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(LEAVE_WAIT_S)

    def troubles(self) -> Iterator[Trouble]:
        """What is lost, until that is in the log."""
        with self._lock:
            if self._lost:
                yield Trouble(
                    code="log_not_written",
                    what="log",
                    since=self._since,
                    count=self._lost,
                    detail=self._reason,
                )

    def _lose(self, reason: str) -> None:
        with self._lock:
            if not self._lost:
                self._since = wire.now()
            self._lost += 1
            self._reason = reason

    def _run(self) -> None:
        while True:
            try:
                text = self._waiting.get(timeout=RETRY_S if self._lost else None)
            except queue.Empty:
                self._tell()
                continue
            if text is None:
                self._tell()
                return
            if self._lost and self._waiting.empty():
                self._tell()
            if (reason := self._written(text)) is not None:
                self._lose(reason)

    def _tell(self) -> None:
        """Say in the log what is missing in it."""
        with self._lock:
            lost, since, reason = self._lost, self._since, self._reason
        if not lost:
            return
        line = f'event=log_lines_lost count={lost} since={since} reason="{reason}" level=warning\n'
        if self._written(line) is None:
            with self._lock:
                self._lost -= lost

    def _written(self, text: str) -> str | None:
        """Why the whole of `text` could not be written; None if it was."""
        data = text.encode("utf-8", "backslashreplace")
        if self._mid_line:
            data = b"\n" + data
        try:
            while data:
                try:
                    data = data[os.write(self._descriptor, data) :]
                    self._mid_line = bool(data)
                except BlockingIOError:  # whoever gave it to us shares it with another
                    if self._closing:
                        return "nobody reads it"
                    select.select([], [self._descriptor], [], RETRY_S)
        except (OSError, ValueError) as error:
            return getattr(error, "strerror", None) or str(error)
        return None
