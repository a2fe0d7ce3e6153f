"""Turns an agent's options into a started process."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec
import structlog
from pydantic.alias_generators import to_camel

from agent_runner import quoting
from agent_runner.agents.base import Adapter, AgentOptions, Form
from agent_runner.agents.registry import INSTALL_FOLDERS, adapter_for
from agent_runner.decoding.terminal import Profile
from agent_runner.errors import BadRequestError
from agent_runner.folders import remove
from agent_runner.process.child import spawn
from agent_runner.process.condition import (
    PASSING,
    Condition,
    condition_after,
    condition_of,
    lying_about,
    told,
)
from agent_runner.process.environment import child_environment, led_by
from agent_runner.process.programs import Installed, Versions, find
from agent_runner.process.warden import SpawnError, TreeLimits, Warden
from agent_runner.runners import session_log
from agent_runner.runners.cli_process import CliProcess, Place
from agent_runner.runners.drift import DriftLog
from agent_runner.runners.raw_output import RawOutput
from agent_runner.runners.secrets import Secrets
from agent_runner.runners.session_files import set_back
from agent_runner.runners.terminal import TMUX, TMUX_INSTALL_HINT, driven, find_tmux
from agent_runner.settings import ResourceSettings
from conversation_store.codes import FailureCode

OWN_FILES = ("token", "agent-runner.db*", "raw/**", "private/**", "backups/**")
"""Of the state folder: what no agent has to read. The mirrors' folders lie in it, too."""


class LaunchError(Exception):
    """The CLI could not be started: a failure code, what happened, what to do.

    `passing` is what an installer at work may have caused: it is worth another try.
    """

    def __init__(
        self, code: FailureCode, message: str, hint: str | None = None, *, passing: bool = False
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.passing = passing


def launch_error(error: SpawnError, options: AgentOptions, program: str) -> LaunchError:
    """What `error` means to the agent with these options, whose program lies at that path."""
    if error.what == "roots":
        return _not_allowed(options.cwd)
    if error.what == "cwd":
        return LaunchError(
            FailureCode.CWD_MISSING,
            str(error),
            "create it, or PATCH the agent with another cwd",
        )
    condition = condition_after(Path(program), error.errno) if error.what == "program" else None
    if condition is None:
        return LaunchError(FailureCode.SPAWN_FAILED, str(error))
    return _cannot_run(Path(program), condition)


_HINTS = {
    Condition.DANGLING: "an update of the CLI may have broken off: install it anew, or set "
    "`programs`",
    Condition.FOLDER: "set `programs`, or the agent's command, to the program itself",
    Condition.NOT_EXECUTABLE: "chmod +x it, or install the CLI anew",
    Condition.EMPTY: "an update of the CLI is under way, or broke off: send the prompt again in a "
    "moment, else install it anew",
    Condition.HALF_WRITTEN: "an update of the CLI is under way, or broke off, or it is made for "
    "another machine: send the prompt again in a moment, else install it anew",
    Condition.BUSY: "an update of the CLI is under way: send the prompt again when it is over",
    Condition.NO_INTERPRETER: "install what it needs, or have it in the service's PATH",
}


def _cannot_run(path: Path, condition: Condition, install_hint: str | None = None) -> LaunchError:
    missing = (Condition.ABSENT, Condition.DANGLING, Condition.FOLDER, Condition.NOT_EXECUTABLE)
    code = FailureCode.CLI_NOT_FOUND if condition in missing else FailureCode.SPAWN_FAILED
    hint = _HINTS.get(condition)
    if install_hint is not None:
        hint = install_hint if hint is None else f"{hint} ({install_hint})"
    return LaunchError(code, told(path, condition), hint, passing=condition in PASSING)


log = structlog.get_logger(__name__)


class Launcher:
    """Finds programs and starts them with the environment that an agent may have.

    An agent's program starts in one of `allowed_roots`, a mirror's or the demo's in one of
    `own_roots`. What `secrets` knows of an agent is masked in what its program prints.
    """

    def __init__(
        self,
        warden: Warden,
        *,
        private_dir: Path,
        programs: Mapping[str, str],
        line_limit: int,
        raw_limit: int,
        resources: ResourceSettings,
        allowed_roots: Sequence[Path],
        own_roots: Sequence[Path],
        state_dir: Path,
        secrets: Secrets,
        env: Mapping[str, str] = os.environ,
    ) -> None:
        self._warden = warden
        self._private_dir = private_dir
        self._programs = programs
        self._line_limit = line_limit
        self._raw_limit = raw_limit
        self._resources = resources
        self._allowed_roots = allowed_roots
        self._own_roots = own_roots
        self._state_dir = str(state_dir.resolve())
        self.secrets = secrets
        self._env = dict(env)
        self._versions = Versions(warden)
        self.drift = DriftLog()
        self._found: dict[str, Path] = {}

    def find(self, adapter: Adapter, program: str | None = None, cwd: str | None = None) -> Path:
        """The adapter's program; LaunchError `cli_not_found` with the line that installs it.

        A relative path of an agent's own command is meant from its `cwd`.
        """
        wanted = self._programs.get(adapter.type) or program or adapter.program
        path = find(wanted, self._env, cwd, folders=INSTALL_FOLDERS)
        if path is None:
            raise self._absent(wanted, adapter.install_hint, cwd)
        self._found[wanted] = path
        return path

    def _absent(self, wanted: str, install_hint: str, cwd: str | None) -> LaunchError:
        """Why it is not found. It may be back in a moment if it was there before, or may come."""
        lying = lying_about(wanted, self._env, cwd, INSTALL_FOLDERS)
        condition = None if lying is None else condition_of(lying)
        if lying is not None and condition not in (None, Condition.ABSENT):
            return _cannot_run(lying, condition, install_hint)
        before = self._found.get(wanted)
        if before is not None:
            hint = f"an update may be under way: send the prompt again, else {install_hint}"
            message = f"{before} was there before, and is gone"
            return LaunchError(FailureCode.CLI_NOT_FOUND, message, hint, passing=True)
        may_come = lying is not None and lying.parent.is_dir()
        return _not_found(wanted, install_hint, passing=may_come)

    def find_tmux(self) -> Path:
        """The tmux that holds the UIs; LaunchError `cli_not_found` if there is none."""
        path = find_tmux(self._programs, self._env)
        if path is None:
            raise _not_found(self._programs.get(TMUX) or TMUX, TMUX_INSTALL_HINT)
        return path

    def replaced(self, process: CliProcess) -> bool:
        """True if the program of a living process is another one by now; told once."""
        now = Installed.of(Path(process.program.path))
        if now == process.program or now.changed_ns is None:
            return False
        process.replaced_by(now)
        return True

    def roots_of(self, cwd: str) -> list[str]:
        """The folders of which one must hold what `cwd` leads to: an own one, or those allowed."""
        own = [root for root in self._own_roots if Path(cwd).is_relative_to(root)]
        roots = own or self._allowed_roots
        return [str(root.resolve()) for root in roots]

    def may_enter(self, cwd: str) -> bool:
        """True if `cwd` leads to an allowed folder now."""
        real = Path(cwd).resolve()
        return any(real.is_relative_to(root) for root in self.roots_of(cwd))

    def folder_of(self, process_id: str) -> Path:
        """Where a living process has its private files."""
        return self._private_dir / process_id

    async def version(self, agent_type: str) -> str | None:
        """The installed version of a CLI, asked once for each installed file."""
        command = self._version_command(agent_type)
        if command is None:
            return None
        environment = self._environment(adapter_for(agent_type), {}, {})
        return await self._versions.of(*command, environment)

    def known_version(self, agent_type: str) -> str | None:
        """The version, if it was asked before and the file has not changed."""
        command = self._version_command(agent_type)
        return None if command is None else self._versions.answer(command[0])

    def version_known(self, agent_type: str) -> bool:
        """True if `version` has the answer and need start no process for it."""
        command = self._version_command(agent_type)
        return command is None or self._versions.known(command[0])

    def _version_command(self, agent_type: str) -> tuple[Path, Sequence[str]] | None:
        adapter = adapter_for(agent_type)
        argv = adapter.version_argv()
        if not argv:
            return None
        try:
            return self.find(adapter, argv[0]), argv[1:]
        except LaunchError:
            return None

    def check_prompt(self, agent_type: str, options: AgentOptions, prompt: str) -> None:
        """LaunchError `prompt_refused` if the CLI's own UI would not take the prompt for text."""
        ui = self.ui(agent_type, options)
        if ui is not None and (refusal := ui.refusal(prompt)):
            raise LaunchError(FailureCode.PROMPT_REFUSED, refusal.why, refusal.hint)

    def ui(self, agent_type: str, options: AgentOptions) -> Profile | None:
        """What the CLI's own UI is like, if it has one."""
        adapter = adapter_for(agent_type)
        adapter.check(options, Form.TERMINAL)
        return adapter.ui(options, None)

    def check(self, options: AgentOptions, process: CliProcess) -> bool:
        """True if a living process is where a new one would start.

        LaunchError `cwd_missing` or `cwd_not_allowed` if none could start there now.
        """
        here = process.place == _place(options.cwd)
        if not here and not self.may_enter(options.cwd):
            raise _not_allowed(options.cwd)
        return here

    async def start(
        self,
        agent_type: str,
        options: AgentOptions,
        form: Form,
        *,
        resume: str | None,
        more_args: Sequence[str],
        more_env: Mapping[str, str],
        reads: str | None,
        images: Sequence[str],
        process_id: str,
        raw: Path,
        end_grace: float,
    ) -> CliProcess:
        """A process held before the CLI, until `CliProcess.go`; LaunchError says why not.

        `more_args` and `more_env` come after, or in the place of, the agent's own. It is let
        read the folder `reads` besides its own. Its first prompt has the images at these paths.
        Its bytes go to `raw`.stdout and .stderr until a turn names another place.
        """
        adapter = adapter_for(agent_type)
        place = _place(options.cwd)
        private = self._private_dir / process_id
        options = self._guarded(adapter, options)
        launch = adapter.launch(options, form, resume=resume, private_dir=str(private))
        path = self.find(adapter, launch.argv[0], options.cwd)
        condition = condition_of(path)
        if condition is not None:
            raise _cannot_run(path, condition, adapter.install_hint)
        reading = adapter.reading_args(reads) if reads is not None else []
        shown = adapter.image_args(images, form) if images else []
        argv = [str(path), *launch.argv[1:], *reading, *shown, *more_args]
        files = launch.files
        if launch.terminal is not None:
            tmux = self.find_tmux()
            argv, setup = driven(argv, launch.terminal, options.cwd, private, tmux)
            files = {**files, **setup}
        if files:
            private.mkdir(mode=0o700, exist_ok=True)
            for name, content in files.items():
                file = private / name
                file.touch(mode=0o600)
                file.write_bytes(content)
        environment = led_by(
            self._environment(adapter, launch.env, {**options.env, **more_env}), str(path)
        )
        limits = resources_of(self._resources, options)
        try:
            child = await spawn(
                self._warden,
                argv,
                cwd=options.cwd,
                env=environment,
                process_id=process_id,
                limits=TreeLimits(
                    memory_bytes=limits.memory_bytes,
                    cpu_s=limits.cpu_s,
                    processes=limits.processes,
                ),
                spool=raw.with_suffix(".stdout") if launch.spool else None,
                roots=self.roots_of(options.cwd),
            )
        except SpawnError as error:
            self.clean(process_id)
            raise launch_error(error, options, argv[0]) from error
        return CliProcess(
            child,
            adapter.protocol(options, form, resume=resume),
            form,
            session_id=resume,
            reads=reads,
            place=place,
            program=Installed.of(path),
            raw=RawOutput(raw, self._raw_limit, spooled=launch.spool),
            secrets=self.secrets.of(msgspec.to_builtins(options), environment),
            line_limit=self._line_limit,
            output_limit=limits.output_bytes,
            end_grace=end_grace,
            drifts=partial(self.drift.note, adapter),
        )

    def _guarded(self, adapter: Adapter, options: AgentOptions) -> AgentOptions:
        """The options with the service's own files denied, where the CLI itself can do that.

        It does not ask before it reads in its own folder, of which the state folder may be a part.
        """
        if not adapter.denied_path:
            return options
        folder = quoting.rule(self._state_dir)
        names = [adapter.denied_path.format(path=f"{folder}/{name}") for name in OWN_FILES]
        return msgspec.structs.replace(options, denied_tools=[*options.denied_tools, *names])

    def set_back(self, agent_type: str, options: AgentOptions, session_id: str) -> None:
        """Rename the files of a session, where the CLI could not resume it otherwise."""
        adapter = adapter_for(agent_type)
        files = adapter.session_files(self._environment(adapter, {}, options.env), session_id)
        if files is None:
            return
        try:
            set_back(files)
        except OSError as error:  # the CLI then says that it does not know the session
            log.warning("session_not_set_back", session_id=session_id, error=str(error))

    def session_log(self, agent_type: str, options: AgentOptions, session_id: str) -> Path | None:
        """The file in which the CLI keeps the session; None if there is none, or none is known."""
        adapter = adapter_for(agent_type)
        environment = self._environment(adapter, {}, options.env)
        return session_log.find(adapter.session_log(environment, session_id))

    def secrets_of(self, agent_type: str, options: AgentOptions) -> list[str]:
        """What is masked in the output of an agent's CLI."""
        environment = self._environment(adapter_for(agent_type), {}, options.env)
        return self.secrets.of(msgspec.to_builtins(options), environment)

    def clean(self, process_id: str) -> None:
        """Remove the private files of a process that is gone; they may hold secrets."""
        remove(self._private_dir / process_id)

    def _environment(
        self, adapter: Adapter, launch: Mapping[str, str], own: Mapping[str, str]
    ) -> dict[str, str]:
        return child_environment(
            self._env, adapter.variables, launch, own, paths=adapter.path_variables
        )


def _not_allowed(cwd: str) -> LaunchError:
    return LaunchError(
        FailureCode.CWD_NOT_ALLOWED,
        f"the agent's cwd {cwd} now leads outside the allowed folders",
        "PATCH the agent with another cwd, or extend `allowed_roots`",
    )


def _place(cwd: str) -> Place:
    """Which folder `cwd` is, whatever it will be called; LaunchError `cwd_missing`."""
    try:
        found = os.stat(cwd)
    except OSError:
        found = None
    if found is None or not stat.S_ISDIR(found.st_mode):
        raise LaunchError(
            FailureCode.CWD_MISSING,
            f"the agent's cwd {cwd} is not a folder",
            "create it, or PATCH the agent with another cwd",
        )
    return found.st_dev, found.st_ino, os.path.realpath(cwd)


def _not_found(program: str, install_hint: str | None, *, passing: bool = False) -> LaunchError:
    if os.sep in program:
        message = f"{program} is no file that can be run"
    else:
        message = f"{program} is not installed, or not on PATH"
    return LaunchError(FailureCode.CLI_NOT_FOUND, message, install_hint, passing=passing)


def resources_of(service: ResourceSettings, options: AgentOptions) -> ResourceSettings:
    """The service's limits with the agent's own in their place.

    BadRequestError `unknown_resource` names what is none.
    """
    values = service.model_dump()
    for name, value in options.resources.items():
        field = _RESOURCE_NAMES.get(name)
        if field is None or value < 0:
            raise BadRequestError(
                "unknown_resource",
                f"resources.{name}={value} is no limit",
                hint=f"whole numbers for one of {', '.join(_RESOURCE_NAMES)}",
            )
        values[field] = value
    return ResourceSettings.model_construct(**values)


_RESOURCE_NAMES = {to_camel(name): name for name in ResourceSettings.model_fields}
