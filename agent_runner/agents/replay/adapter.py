"""The agent that plays a recording: for a first chat on a machine without any CLI.

The player speaks Claude Code's protocol, so the lines take the very path of a real run.
Its session says, before anything else, that this is a replay.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import ClassVar

import msgspec

from agent_runner.agents.attachments import Attachment
from agent_runner.agents.base import (
    Adapter,
    AgentOptions,
    CliProtocol,
    Exit,
    Feature,
    Form,
    Launch,
    PermissionAnswer,
    Received,
)
from agent_runner.agents.claude.protocol import ClaudeProtocol
from agent_runner.agents.replay import TYPE, player
from agent_runner.agents.replay.transcripts import DEMO_TRANSCRIPT, transcript_path
from agent_runner.errors import BadRequestError
from agent_runner.events.background import BackgroundTask
from agent_runner.events.base import AgentEvent
from agent_runner.events.notice import Notice
from agent_runner.events.session import SessionStarted

ORDER = 2

DELAY_VARIABLE = "AGENT_RUNNER_REPLAY_DELAY_MS"
DELAY_MS = "15"


class ReplayAdapter(Adapter):
    """Plays `options.transcript`, a recording of Claude Code named `AGENT/VERSION/CASE`."""

    type: ClassVar[str] = TYPE
    title: ClassVar[str] = "Replay of a recorded transcript"
    program: ClassVar[str] = sys.executable
    install_hint: ClassVar[str] = "nothing to install"
    login_hint: ClassVar[str] = "nothing to log in to"
    own_options: ClassVar[tuple[str, ...]] = ("transcript",)

    def obstacle(self, options: AgentOptions, form: Form) -> BadRequestError | None:
        """See `base.Adapter`."""
        if form is not Form.TERMINAL:
            return None
        return BadRequestError(
            "unsupported_form", "a recording has no terminal UI", hint="run it headless"
        )

    def check(self, options: AgentOptions, form: Form) -> None:
        """BadRequestError if there is no such recording, or a UI is asked for."""
        if (obstacle := self.obstacle(options, form)) is not None:
            raise obstacle
        _folder_of(options)

    def launch(
        self, options: AgentOptions, form: Form, *, resume: str | None, private_dir: str
    ) -> Launch:
        """Start the player."""
        self.check(options, form)
        folder = _folder_of(options)
        delay = options.env.get(DELAY_VARIABLE, DELAY_MS)
        return Launch(
            argv=[self.program, "-I", "-S", str(player.__file__), str(folder), delay],
        )

    def protocol(self, options: AgentOptions, form: Form, *, resume: str | None) -> CliProtocol:
        """Claude Code's protocol, announced as a replay."""
        return ReplayProtocol(options, form, options.transcript or DEMO_TRANSCRIPT)

    def version_argv(self) -> list[str]:
        """The recording knows its version."""
        return []


def _folder_of(options: AgentOptions) -> Path:
    """The recording to play; BadRequestError `unknown_transcript` if there is none."""
    name = options.transcript or DEMO_TRANSCRIPT
    folder = transcript_path(name)
    if folder is None or not name.startswith("claude-code/"):
        raise BadRequestError(
            "unknown_transcript",
            f"{name!r} is no recording of Claude Code that can be played",
            hint=f"for example {DEMO_TRANSCRIPT}",
        )
    return folder


class ReplayProtocol:
    """A ClaudeProtocol whose every turn begins with the notice `replay`."""

    typed: Collection[str] = ()

    def __init__(self, options: AgentOptions, form: Form, transcript: str) -> None:
        self._protocol = ClaudeProtocol(options, form, None)
        self._transcript = transcript
        self.drift: Counter[str] = self._protocol.drift

    def open(self) -> bytes:
        """See `base.CliProtocol`."""
        return self._protocol.open()

    @property
    def ready(self) -> bool:
        """See `base.CliProtocol`."""
        return self._protocol.ready

    def prompt(self, text: str, attachments: Sequence[Attachment] = ()) -> bytes:
        """See `base.CliProtocol`."""
        return self._protocol.prompt(text, attachments)

    def steer(self, text: str, attachments: Sequence[Attachment] = ()) -> bytes | None:
        """The player hears nothing."""
        return None

    def reconfigure(self, options: AgentOptions) -> bytes | None:
        """The player hears nothing."""
        return None

    @property
    def close_after_prompt(self) -> bool:
        """See `base.CliProtocol`."""
        return self._protocol.close_after_prompt

    def unmasked(self, line: bytes) -> None:
        """See `base.CliProtocol`."""
        self._protocol.unmasked(line)

    def receive(self, line: bytes) -> Received:
        """See `base.CliProtocol`."""
        return self._announced(self._protocol.receive(line))

    def receive_oversize(self, line: bytes) -> Received:
        """See `base.CliProtocol`."""
        return self._announced(self._protocol.receive_oversize(line))

    def _announced(self, received: Received) -> Received:
        events: list[AgentEvent] = []
        for event in received.events:
            if isinstance(event, SessionStarted):
                events.append(
                    Notice(
                        code="replay",
                        message=f"This is a replay of the recording {self._transcript}. "
                        "No model was asked, and your prompt was not read.",
                        level="warning",
                    )
                )
                events.append(msgspec.structs.replace(event, model="replay"))
            else:
                events.append(event)
        return msgspec.structs.replace(received, events=events)

    @property
    def reads_stderr(self) -> bool:
        """See `base.CliProtocol`."""
        return False

    def receive_stderr(self, line: bytes) -> Received:
        """Nothing."""
        return Received()

    @property
    def features(self) -> frozenset[Feature]:
        """See `base.CliProtocol`."""
        return self._protocol.features

    def answer(self, request_id: str, answer: PermissionAnswer) -> bytes:
        """See `base.CliProtocol`."""
        return self._protocol.answer(request_id, answer)

    def interrupt(self) -> bytes | None:
        """The player has no interrupt: its process is ended."""
        return None

    @property
    def background(self) -> list[BackgroundTask]:
        """See `base.CliProtocol`."""
        return self._protocol.background

    @property
    def resting(self) -> bool:
        """See `base.CliProtocol`."""
        return self._protocol.resting

    @property
    def untold(self) -> bool:
        """See `base.CliProtocol`."""
        return self._protocol.untold

    def give_up_telling(self) -> None:
        """See `base.CliProtocol`."""
        self._protocol.give_up_telling()

    def outlives(self, request_id: str) -> bool:
        """See `base.CliProtocol`."""
        return self._protocol.outlives(request_id)

    def stop_background(self) -> bytes | None:
        """The player hears nothing."""
        return None

    def finish_background(self) -> Received:
        """See `base.CliProtocol`."""
        return self._protocol.finish_background()

    def finish(self, exit: Exit) -> list[AgentEvent]:  # noqa: A002
        """See `base.CliProtocol`."""
        return self._protocol.finish(exit)
