"""Where a process's bytes are kept: a file for each stream of each run."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from agent_runner.process.raw_log import RawLog, Spooled


class RawOutput:
    """The logs of the present run, and where in them the process's output stands.

    A run may have had other processes before: what they printed stays, in front.
    """

    def __init__(self, path: Path, limit: int, *, spooled: bool) -> None:
        self._limit = limit
        self.spooled = spooled
        self._received = 0
        self._base = 0
        self._open(path)

    @property
    def received(self) -> int:
        """Bytes of stdout so far, over all runs of the process."""
        return self._received

    def move(self, path: Path, *, carry: bool = False) -> None:
        """Keep what comes from now on at `path`.stdout and `path`.stderr.

        A spooled program goes on in its own file; that it has the prompt is seen here too. What
        is there already goes along if it is to `carry`.
        """
        if path == self._path:
            return
        if carry and not self.spooled:
            self.close()
            for ending in (".stdout", ".stderr"):
                with suppress(FileNotFoundError):
                    self._path.with_suffix(ending).replace(path.with_suffix(ending))
            base = self._base
            self._open(path)
            self._base = base
            return
        if self.spooled:
            mark = RawLog(path.with_suffix(".stdout"), self._limit)
            mark.open()
            mark.close()
            return
        self.close()
        self._open(path)

    def begin(self) -> None:
        """Make the log of stdout: that it is there says that a CLI has the run's prompt."""
        if not self.spooled:
            self._stdout.open()

    def stdout(self, chunk: bytes, *, masked: bool = False) -> bool:
        """Keep bytes of stdout; False if that was over the limit.

        A spooled program writes the file itself, and can only be ended to keep it small;
        what was masked in its output since is written over there.
        """
        at, self._received = self._received, self._received + len(chunk)
        if not self.spooled:
            return self._stdout.write(chunk)
        if masked and self._spool is not None:
            gone = max(0, self._base - at)
            self._spool.overwrite(self.offset(at), chunk[gone:])
        return self._received <= self._limit

    def cut(self, held: int) -> None:
        """A spooled program's file was emptied, when `held` bytes more had been read of it."""
        self._base, self._spooled_before = self._received + held, 0

    def stderr(self, chunk: bytes) -> None:
        """Keep bytes of stderr."""
        self._stderr.write(chunk)

    def offset(self, position: int) -> int:
        """Where the byte at `position` of the whole stdout lies in the present run's log."""
        before = self._spooled_before if self.spooled else self._stdout.before
        return before + max(0, position - self._base)

    def close(self) -> None:
        """Give the descriptors back."""
        self._stdout.close()
        self._stderr.close()
        if self._spool is not None:
            self._spool.close()

    def _open(self, path: Path) -> None:
        self._path = path
        self._base = self._received
        stdout = path.with_suffix(".stdout")
        self._spool = Spooled(stdout) if self.spooled else None
        self._spooled_before = 0 if self._spool is None else self._spool.size
        self._stdout = RawLog(stdout, self._limit)
        self._stderr = RawLog(path.with_suffix(".stderr"), self._limit)
