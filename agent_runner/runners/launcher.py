"""Turns an agent's options into a started process."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from agent_runner.agents.base import Adapter, AgentOptions, Form
from agent_runner.agents.registry import adapter_for
from agent_runner.errors import FailureCode
from agent_runner.process.child import SpawnError, spawn
from agent_runner.process.environment import child_environment
from agent_runner.process.programs import Versions, find
from agent_runner.runners.live import LiveCli
from agent_runner.runners.raw_output import RawOutput


class LaunchError(Exception):
    """The CLI could not be started: a failure code, what happened, what to do."""

    def __init__(self, code: FailureCode, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class Launcher:
    """Finds programs and starts them with the environment that an agent may have."""

    def __init__(
        self,
        *,
        private_dir: Path,
        programs: Mapping[str, str],
        line_limit: int,
        raw_limit: int,
        end_grace: float,
        env: Mapping[str, str] = os.environ,
    ) -> None:
        self._private_dir = private_dir
        self._programs = programs
        self._line_limit = line_limit
        self._raw_limit = raw_limit
        self._end_grace = end_grace
        self._env = env
        self._versions = Versions()

    def find(self, adapter: Adapter, program: str | None = None) -> Path:
        """The adapter's program; LaunchError `cli_not_found` with the line that installs it."""
        wanted = self._programs.get(adapter.type) or program or adapter.program
        path = find(wanted, self._env)
        if path is None:
            raise LaunchError(
                FailureCode.CLI_NOT_FOUND,
                f"{wanted} is not installed, or not on PATH",
                adapter.install_hint,
            )
        return path

    async def version(self, agent_type: str) -> str | None:
        """The installed version of a CLI, asked once for each installed file."""
        adapter = adapter_for(agent_type)
        argv = adapter.version_argv()
        if not argv:
            return None
        try:
            path = self.find(adapter, argv[0])
        except LaunchError:
            return None
        return await self._versions.of(path, argv[1:], self._environment(adapter, {}, {}))

    def start(
        self,
        agent_type: str,
        options: AgentOptions,
        form: Form,
        *,
        resume: str | None,
        marker: str,
        raw: Path,
    ) -> LiveCli:
        """Start the CLI; LaunchError says why it could not be.

        Its bytes go to `raw`.stdout and .stderr until a turn names another place.
        """
        adapter = adapter_for(agent_type)
        if not Path(options.cwd).is_dir():
            raise LaunchError(
                FailureCode.CWD_MISSING,
                f"the agent's cwd {options.cwd} is not a folder",
                "create it, or PATCH the agent with another cwd",
            )
        private = self._private_dir / marker
        launch = adapter.launch(options, form, resume=resume, private_dir=str(private))
        path = self.find(adapter, launch.argv[0])
        if launch.files:
            private.mkdir(mode=0o700, exist_ok=True)
            for name, content in launch.files.items():
                file = private / name
                file.touch(mode=0o600)
                file.write_bytes(content)
        try:
            child = spawn(
                [str(path), *launch.argv[1:]],
                cwd=options.cwd,
                env=self._environment(adapter, launch.env, options.env),
                marker=marker,
                spool=raw.with_suffix(".stdout") if launch.spool else None,
            )
        except SpawnError as error:
            raise LaunchError(FailureCode.SPAWN_FAILED, str(error)) from error
        return LiveCli(
            child,
            adapter.session(options, form, resume=resume),
            form,
            raw=RawOutput(raw, self._raw_limit, spooled=launch.spool),
            permissions=options.permissions,
            line_limit=self._line_limit,
            end_grace=self._end_grace,
        )

    def clean(self, marker: str) -> None:
        """Remove the private files of a process that is gone; they may hold secrets."""
        shutil.rmtree(self._private_dir / marker, ignore_errors=True)

    def _environment(
        self, adapter: Adapter, launch: Mapping[str, str], own: Mapping[str, str]
    ) -> dict[str, str]:
        return child_environment(self._env, adapter.child_env(), launch, own)
