"""What a recording case is: declarative data, one list per CLI.

Texts of a case may hold `{home}`, `{cwd}` (the project folder) and `{url}` (the model
stand-in's base URL). Nothing sleeps: a step waits for its `When`.
"""

from __future__ import annotations

import signal as signals
from dataclasses import dataclass, field
from typing import Any, Literal

from agent_runner.agents.base import Form, PermissionAnswer
from agent_runner.recorder.models import Reply

SignalName = Literal["SIGINT", "SIGTERM", "SIGKILL"]


@dataclass(frozen=True, kw_only=True)
class When:
    """All of these must hold, counted from the step before; the default holds at once.

    `line` is part of a line of stdout, `stderr` of a line of stderr, `event` the type of a
    decoded event, `process` part of a descendant's command line; `count` is how many such
    lines or events. `quiet` is seconds without a line of stdout. `within` is the deadline in
    seconds; missing it fails the case.
    """

    line: str = ""
    event: str = ""
    stderr: str = ""
    process: str = ""
    quiet: float = 0.0
    count: int = 1
    within: float = 60.0


NOW = When()


@dataclass(frozen=True)
class Prompt:
    """Start a turn with `text`, or with `repeat` over and over up to `size` characters."""

    text: str = ""
    when: When = NOW
    repeat: str = ""
    size: int = 0

    def whole(self) -> str:
        """The prompt's full text."""
        if not self.repeat:
            return self.text
        return (self.repeat * (self.size // len(self.repeat) + 1))[: self.size]


@dataclass(frozen=True)
class Interrupt:
    """End the present turn in the protocol's way."""

    when: When


@dataclass(frozen=True)
class Answer:
    """Answer the oldest open permission question."""

    answer: PermissionAnswer
    when: When = field(default_factory=lambda: When(event="permission.requested"))


@dataclass(frozen=True)
class Eof:
    """Close stdin."""

    when: When = NOW


@dataclass(frozen=True)
class Signal:
    """Send a signal to the CLI's own process."""

    name: SignalName
    when: When

    @property
    def number(self) -> int:
        """The signal's number on this system."""
        return int(signals.Signals[self.name])


Step = Prompt | Interrupt | Answer | Eof | Signal


@dataclass(frozen=True, kw_only=True)
class First:
    """A process run before the recorded one in the same home; its session is resumed.

    `pause` is waited after it, in seconds, for a CLI that names a session by the minute.
    """

    steps: tuple[Step, ...]
    replies: tuple[Reply, ...] = ()
    form: Form = Form.ONE_SHOT
    pause: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Case:
    """One recording.

    `options` are AgentOptions as camelCase JSON, but for cwd; `env` and `files` (project files by
    name) and `home_files` are added to the suite's, an env value of None removes. `resume` is
    a literal session id; `first` gives a real one. `argv` replaces the adapter's arguments
    (not the program) and the prompt is then plain text on stdin. `expect` are texts that
    stdout or stderr must hold and `exit` the exit code, or the recording is refused.
    `within` is the deadline of the process after its last step, in seconds. `slow` cases
    take minutes and are recorded last. With `stdout_file` stdout is a file, read at the end, so
    that steps cannot wait for it. `versions` limits a case to these CLI versions.
    """

    name: str
    about: str
    steps: tuple[Step, ...]
    replies: tuple[Reply, ...] = ()
    form: Form = Form.ONE_SHOT
    options: dict[str, Any] = field(default_factory=dict)
    env: dict[str, str | None] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    home_files: dict[str, str] = field(default_factory=dict)
    first: First | None = None
    resume: str | None = None
    argv: tuple[str, ...] | None = None
    expect: tuple[str, ...] = ()
    exit: int | None = 0
    within: float = 60.0
    slow: bool = False
    stdout_file: bool = False
    versions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Suite:
    """All cases of one CLI, with the environment and the home that isolate it.

    `options` hold for every case that does not set them itself.
    """

    agent: str
    env: dict[str, str]
    options: dict[str, Any] = field(default_factory=dict)
    home_files: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    cases: tuple[Case, ...]


def oneshot(text: str = "hello") -> tuple[Step, ...]:
    """The steps of a plain one-shot run."""
    return (Prompt(text),)
