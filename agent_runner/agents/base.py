"""What an agent adapter is: how to start one CLI, talk to it and read it. No I/O.

An `Adapter` is stateless; it says how to launch and what else is known of a CLI. A `CliProtocol`
is the protocol state of one process, in the manner of h11: lines in, events and bytes to send
out. The runner owns the process, the clock and the pipes.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import msgspec

from agent_runner.agents.attachments import Attachment
from agent_runner.agents.login import LoginCheck
from agent_runner.agents.permissions import Permissions, Preset
from agent_runner.agents.screen.options import ScreenOptions
from agent_runner.agents.session_files import SessionFiles
from agent_runner.agents.session_log import Entry
from agent_runner.decoding.terminal import Profile
from agent_runner.errors import BadRequestError
from agent_runner.events.background import BackgroundTask
from agent_runner.events.base import AgentEvent

_SESSION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class Form(StrEnum):
    """How a process serves runs: one and then it ends; several; several in its own terminal UI."""

    ONE_SHOT = "one-shot"
    WARM = "warm"
    TERMINAL = "terminal"


class AgentOptions(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a registered agent asks of its CLI. Absent means the CLI's own default.

    `permission_mode` and `extra_args` are the CLI's own words; `permissions` is ours and
    says which permission questions a person is asked (see `policy`). `command` is
    the program with its arguments, for the types `acp` and `custom`; `dialect` is what one of type
    `custom` speaks, and with `terminal` it has a UI of its own that can be driven by its screen.
    `approval_deciders` names who may decide on an approval (empty: everybody).
    `timeouts` and `resources` stand in the place of the service's own, by camelCase name.
    """

    cwd: str
    model: str | None = None
    system_prompt: str | None = None
    mcp_servers: dict[str, dict[str, Any]] | None = None
    allowed_tools: list[str] = []
    denied_tools: list[str] = []
    permission_mode: str | None = None
    permissions: Preset | Permissions = "ask"
    max_turns: int | None = None
    extra_args: list[str] = []
    env: dict[str, str] = {}
    transcript: str | None = None
    command: list[str] = []
    dialect: str | None = None
    terminal: ScreenOptions | None = None
    timeouts: dict[str, int] = {}
    resources: dict[str, int] = {}
    on_stall: Literal["cancel", "warn"] | None = None
    busy: Literal["queue", "reject"] | None = None
    approval_expires_ms: int | None = None
    approval_deciders: list[str] = []


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """How to start one process.

    `argv[0]` is the adapter's program name; the runner puts the path it found in its place.
    `files` are written (0600) into the private folder before the start. `spool` asks for a
    file as stdout: the program was seen to leave before a pipe had taken all its output.
    `terminal` is there in the terminal form: what its driver must know of the CLI's UI.
    """

    argv: list[str]
    env: dict[str, str] = {}
    files: dict[str, bytes] = {}
    spool: bool = False
    terminal: Profile | None = None


class Exit(msgspec.Struct, frozen=True, kw_only=True):
    """How a process ended: `code` is negative for a signal, as in subprocess."""

    code: int | None
    stderr_tail: str = ""


class Received(msgspec.Struct, kw_only=True):
    """What one line led to: events in order, and bytes the CLI must get.

    The events are the receiver's, to add to.

    `alive` marks a heartbeat, which has a deadline of its own. `background_turn` is set for work
    that outlives its turn: the number of the turn that began it, counted from 1. `rest` is what
    the line holds besides, where that differs.
    """

    events: list[AgentEvent] = []
    send: bytes = b""
    alive: bool = False
    background_turn: int | None = None
    rest: Received | None = None


class PermissionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a PermissionRequested.

    `updated_input` replaces the tool's input; `answers` (question: answer, or a list of them)
    are those of a question that is no permission; `option_id` is one of the CLI's own options;
    `session` lets the same through for as long as the CLI's process lives; `interrupt` ends
    the turn.
    """

    allow: bool
    message: str | None = None
    updated_input: dict[str, Any] | None = None
    answers: dict[str, str | list[str]] | None = None
    option_id: str | None = None
    session: bool = False
    interrupt: bool = False


Feature = Literal["message", "updatedInput", "session", "options", "stop"]


class CliProtocol(Protocol):
    """The protocol state of one running CLI process."""

    @property
    def drift(self) -> Counter[str]:
        """Fields and values that the schemas do not know, counted by name; may be cleared."""
        ...

    def open(self) -> bytes:
        """Bytes to send right after the start (a handshake), or nothing."""
        ...

    @property
    def ready(self) -> bool:
        """True once the process would begin a prompt at once."""
        ...

    def prompt(self, text: str, attachments: Sequence[Attachment] = ()) -> bytes:
        """Start a turn. What cannot be sent yet comes out of a later `receive`.

        An attachment with `data` goes as an image where the CLI takes them; any other is
        mentioned in the text by its path.
        """
        ...

    def steer(self, text: str, attachments: Sequence[Attachment] = ()) -> bytes | None:
        """Put more of a prompt into the running turn; None if this CLI takes none there."""
        ...

    def reconfigure(self, options: AgentOptions) -> bytes | None:
        """Make the process what a start with `options` would have made it, between two turns.

        They differ from those before in `model` and `permission_mode` alone. None if the CLI
        has no message for that: another process is started then.
        """
        ...

    @property
    def close_after_prompt(self) -> bool:
        """True if stdin must be closed once the prompt is written (one-shot)."""
        ...

    def receive(self, line: bytes) -> Received:
        """Read one line (without its newline). Never raises on foreign input."""
        ...

    def unmasked(self, line: bytes) -> None:
        """The line just received, as it came: secrets were masked in what was received.

        For what has to go back to the CLI as it was, and for nothing else.
        """
        ...

    def receive_oversize(self, line: bytes) -> Received:
        """Read what is left of a line over the limit: as `receive`, its long texts are cut.

        Only what must not be lost is told: a turn's end, a tool's end; a question is refused.
        """
        ...

    @property
    def reads_stderr(self) -> bool:
        """True if stderr may hold events."""
        ...

    def receive_stderr(self, line: bytes) -> Received:
        """Read one line of stderr, as `receive`; only where `reads_stderr`."""
        ...

    @property
    def features(self) -> frozenset[Feature]:
        """What an answer to a permission question may hold besides allow or deny."""
        ...

    def answer(self, request_id: str, answer: PermissionAnswer) -> bytes:
        """Answer a question; KeyError if it is not open.

        BadRequestError `unsupported_option` for what `features` does not have.
        """
        ...

    def interrupt(self) -> bytes | None:
        """Bytes that end the present turn and keep the process; None if there are none."""
        ...

    @property
    def background(self) -> list[BackgroundTask]:
        """What is left to do of the work that outlives the turn it was begun in."""
        ...

    @property
    def resting(self) -> bool:
        """True while no turn is on: neither a prompt's nor one that the CLI began by itself."""
        ...

    @property
    def typed(self) -> Collection[str]:
        """Prompts that somebody gave the process at its own terminal, the last of them."""
        ...

    @property
    def untold(self) -> bool:
        """True while the CLI tells of such work in a turn of its own, or is to do so."""
        ...

    def give_up_telling(self) -> None:
        """No such turn has come, or will."""
        ...

    def outlives(self, request_id: str) -> bool:
        """True if an open question is asked by such work."""
        ...

    def stop_background(self) -> bytes | None:
        """Bytes that end such work and keep the process; None if there are none."""
        ...

    def finish_background(self) -> Received:
        """The process is gone: close what is open of such work; called once, before `finish`."""
        ...

    def finish(self, exit: Exit) -> list[AgentEvent]:  # noqa: A002
        """The process is gone: close what is open, and say why if no result came."""
        ...


class AskingFlags(NamedTuple):
    """Flags that decide whether a CLI asks before it runs a tool.

    `unasked` let every tool through and can be left out. With one of `letting` it is not known
    how many words belong to the flag, or what it lets through.
    """

    unasked: frozenset[str]
    letting: frozenset[str]


class Adapter(ABC):
    """One kind of agent."""

    type: ClassVar[str]
    title: ClassVar[str]
    program: ClassVar[str]
    install_hint: ClassVar[str]
    login_hint: ClassVar[str]
    forms: ClassVar[tuple[Form, ...]] = (Form.WARM, Form.ONE_SHOT)
    """The forms besides the terminal, the best first."""
    image_forms: ClassVar[frozenset[Form]] = frozenset()
    """The forms in which an image goes to the model as one; it is mentioned in the others."""
    recorded: ClassVar[tuple[str, ...]] = ()
    """The versions that the schemas were recorded from, the newest first."""
    login: ClassVar[LoginCheck | None] = None
    """How it is found out whether the CLI is logged in; None for what is no CLI to be found."""
    one_program: ClassVar[bool] = True
    """True if all agents of the type run the same program, so that what ails one may ail all."""
    own_options: ClassVar[tuple[str, ...]] = ()
    """The fields of AgentOptions that this type alone has."""
    denied_path: ClassVar[str | None] = None
    """How `denied_tools` names a `{path}` that no tool may read; None if it cannot."""
    writing_tools: ClassVar[tuple[str, ...] | None] = None
    """What `denied_tools` names so that nothing is written or started; None if it cannot."""
    asking_flags: ClassVar[AskingFlags | None] = None
    """None if it is not known which CLI gets the flags."""
    variables: ClassVar[tuple[str, ...]] = ()
    """Names of variables that the CLI may inherit: keys, base URLs, its own home."""
    path_variables: ClassVar[frozenset[str]] = frozenset()
    """Those of `variables` that name one path."""
    install_folders: ClassVar[tuple[str, ...]] = ()
    """Where the CLI's own installer puts it, from the home folder on."""

    @property
    def newest_recorded(self) -> str | None:
        """The newest version that the schemas were recorded from; None of any program."""
        return self.recorded[0] if self.recorded else None

    def obstacle(self, options: AgentOptions, form: Form) -> BadRequestError | None:
        """Why an agent with these options cannot run in `form` (`unsupported_form`)."""
        return None

    @abstractmethod
    def check(self, options: AgentOptions, form: Form) -> None:
        """BadRequestError if `launch` could not be given these options: `obstacle`, or another."""

    @abstractmethod
    def launch(
        self, options: AgentOptions, form: Form, *, resume: str | None, private_dir: str
    ) -> Launch:
        """The command line and environment; `resume` is a checked CLI session id.

        BadRequestError as `check`, or `invalid_session_id`.
        """

    def reading_args(self, folder: str) -> list[str]:
        """Flags without which the CLI would not read files of this folder; [] if it asks first."""
        return []

    def image_args(self, paths: Sequence[str], form: Form) -> list[str]:
        """Flags that put the images at these paths into the prompt, where it goes without them."""
        return []

    @abstractmethod
    def protocol(self, options: AgentOptions, form: Form, *, resume: str | None) -> CliProtocol:
        """Fresh protocol state for a process started with `launch`'s arguments."""

    def ui(self, options: AgentOptions, resume: str | None) -> Profile | None:
        """What the terminal driver must know of the CLI's own UI; None if it has none."""
        return None

    def session_files(self, env: Mapping[str, str], session_id: str) -> SessionFiles | None:
        """The files to rename before a process that stays resumes a session; None if none."""
        return None

    def session_log(self, env: Mapping[str, str], session_id: str) -> list[str]:
        """Glob patterns of the JSONL file in which the CLI keeps what was said in a session."""
        return []

    def log_entry(self, line: dict[str, Any]) -> Entry | None:
        """What a line of that file holds; None for what says nothing."""
        return None

    def log_message(self, line: dict[str, Any]) -> tuple[str, str] | None:
        """The CLI's own id of what the agent says in a line of that file, and its text."""
        return None

    def fork_args(self, session_id: str, message: str | None, form: Form) -> list[str] | None:
        """Flags that begin a session as a copy of another, up to a message if it is not whole.

        None if the CLI has none for that.
        """
        return None

    def version_argv(self) -> list[str]:
        """A command that prints the CLI's version without network; [] if there is none."""
        return [self.program, "--version"]


def check_session_id(value: str) -> str:
    """`value`, if it is safe on a command line and in a path; BadRequestError otherwise."""
    if not _SESSION_ID.fullmatch(value) or ".." in value:
        raise BadRequestError("invalid_session_id", f"{value[:80]!r} is not a CLI session id")
    return value
