"""Our end of the socket to a keeper: commands go out, JSON lines come in. See `keeper`."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import Any

import anyio

from agent_runner.process.frames import frame, send_descriptors
from agent_runner.process.readable import Readable


class Control:
    """The lifeline too: when it is closed, the keeper ends what it keeps."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._end.setblocking(False)
        self._ready = Readable(end.fileno())
        self._lines = b""

    async def message(self) -> dict[str, Any] | None:
        """The keeper's next line; None when it is gone."""
        while b"\n" not in self._lines:
            try:
                data = self._end.recv(4096)
            except BlockingIOError:
                await self._ready.wait()
                continue
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            self._lines += data
        line, _, self._lines = self._lines.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    @property
    def silent(self) -> bool:
        """True if the keeper is there and has said nothing more."""
        try:
            self._end.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return not self._lines
        except ConnectionResetError:
            pass
        return False

    def command(self, command: bytes) -> None:
        """Have the keeper do something, if it is there."""
        with contextlib.suppress(OSError):
            self._end.send(command)

    def hold_next(self) -> None:
        """Have the keeper of an empty tree hold another process. Nobody waits for that now."""
        self._ready.close()
        self.command(b"n")

    async def start(self, descriptors: list[int], spec: bytes) -> None:
        """Tell the held process what to be. If it is gone, the next message says so."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            send_descriptors(self._end, descriptors)
            view = memoryview(frame(spec))
            while view:
                try:
                    view = view[self._end.send(view) :]
                except BlockingIOError:
                    await anyio.wait_writable(self._end)

    def close(self) -> None:
        """Let the keeper end its tree."""
        self._ready.close()
        self._end.close()
