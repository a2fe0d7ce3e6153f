"""The state folder: who may use it, and what lies in it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent_runner.denied import remedy
from agent_runner.errors import UnavailableError


class StateDir:
    """Paths in the state folder. All of it is for its owner alone (0700, files 0600)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.database = root / "agent-runner.db"
        self.raw = root / "raw"
        self.private = root / "private"
        self.mirrors = root / "mirrors"
        self.workspace = root / "workspace"
        self.backups = root / "backups"
        self.repairs = root / "repairs"
        self.aside = root / "aside"
        self.snapshots = root / "snapshots"
        self.attachments = root / "attachments"
        self.token_file = root / "token"
        self.url_file = root / "url"
        self.umask = 0o022
        """What files of a CLI are made with: the umask from before `claim`."""
        self._lock_file = root / "lock"

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Make the folder and keep it for this process.

        UnavailableError `state_dir_in_use` if another service has it, `state_dir_unusable` if it
        cannot be had, or something of ours in it.
        """
        self.umask = os.umask(0o077)
        try:
            for folder in (
                *(self.root, self.raw, self.private),
                *(self.mirrors, self.workspace, self.attachments),
            ):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root.chmod(0o700)
            self._check_rights()
            lock = os.open(self._lock_file, os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise UnavailableError(
                "state_dir_unusable",
                f"the state folder cannot be used: {error}",
                hint=remedy(error) or "choose another by --state-dir or AGENT_RUNNER_STATE_DIR",
            ) from error
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UnavailableError(
                    "state_dir_in_use",
                    f"another agent-runner (pid {_owner(lock)}) uses {self.root}",
                    hint="stop it, or give this one another --state-dir",
                ) from None
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
            yield
        finally:
            os.close(lock)

    def _check_rights(self) -> None:
        """PermissionError names what an earlier service, of another user, has left."""
        beside = self.root.glob(f"{self.database.name}*")
        for path in (self.raw, self.private, self.mirrors, self.backups, self.token_file, *beside):
            needed = os.R_OK | os.W_OK | (os.X_OK if path.is_dir() else 0)
            if path.exists() and not os.access(path, needed):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    @contextmanager
    def address(self, url: str) -> Iterator[None]:
        """Keep where the service listens, for programs that know this folder.

        A disk that takes no more files keeps the service from nothing.
        """
        with contextlib.suppress(OSError):
            self.url_file.write_text(f"{url}\n", "ascii")
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                self.url_file.unlink()

    def token(self) -> str:
        """The token kept here, made at the first call."""
        with contextlib.suppress(FileNotFoundError):
            if kept := self.token_file.read_text("ascii").strip():
                return kept
        token = secrets.token_urlsafe(24)
        new = self.token_file.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(f"{token}\n", "ascii")
        new.replace(self.token_file)
        return token


def _owner(lock: int) -> str:
    return os.pread(lock, 20, 0).decode("ascii", "replace") or "unknown"
