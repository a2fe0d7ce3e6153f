"""Where log lines go: to a stream, by a thread of its own, so that nobody waits for its reader."""

from __future__ import annotations

import queue
import threading
from typing import TextIO

MAX_WAITING = 10_000
LEAVE_WAIT_S = 1.0


class LogSink:
    """A file to print to. Lines that its reader does not take in time are dropped and counted.

    A terminal that is stopped, or a pipe that nobody reads, would otherwise stop the service.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting: queue.Queue[str | None] = queue.Queue(MAX_WAITING)
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, text: str) -> int:
        """Take `text`, or drop it."""
        try:
            self._waiting.put_nowait(text)
        except queue.Full:
            self._dropped += 1
        return len(text)

    def flush(self) -> None:
        """Nothing: each line is flushed when it is written."""

    def close(self) -> None:
        """Wait a moment for what was taken to be written."""
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(LEAVE_WAIT_S)

    def _run(self) -> None:
        while (text := self._waiting.get()) is not None:
            try:
                self._stream.write(text)
                if self._dropped and self._waiting.empty():
                    dropped, self._dropped = self._dropped, 0
                    self._stream.write(f"event=log_lines_dropped count={dropped} level=warning\n")
                self._stream.flush()
            except (OSError, ValueError):
                return
