"""The agent that plays a recording: for a first chat on a machine without any CLI.

The player speaks Claude Code's protocol, so the lines take the very path of a real run.
Its session says, before anything else, that this is a replay.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

import msgspec

from agent_runner.agents.base import (
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
from agent_runner.agents.replay import player
from agent_runner.agents.replay.transcripts import DEMO_TRANSCRIPT, transcript_path
from agent_runner.agents.session_log import Entry
from agent_runner.errors import BadRequestError
from agent_runner.events.background import BackgroundTask
from agent_runner.events.base import AgentEvent
from agent_runner.events.notice import Notice
from agent_runner.events.session import SessionStarted

DELAY_VARIABLE = "AGENT_RUNNER_REPLAY_DELAY_MS"
DELAY_MS = "15"


class ReplayAdapter:
    """Plays `options.transcript`, a recording of Claude Code named `AGENT/VERSION/CASE`."""

    type: ClassVar[str] = "replay"
    title: ClassVar[str] = "Replay of a recorded transcript"
    program: ClassVar[str] = sys.executable
    forms: ClassVar[tuple[Form, ...]] = (Form.WARM, Form.ONE_SHOT)
    install_hint: ClassVar[str] = "nothing to install"
    denied_path: ClassVar[str | None] = None
    one_program: ClassVar[bool] = True
    login_hint: ClassVar[str] = "nothing to log in to"

    def launch(
        self, options: AgentOptions, form: Form, *, resume: str | None, private_dir: str
    ) -> Launch:
        """Start the player; BadRequestError if there is no such recording, or a UI is asked."""
        if form is Form.TERMINAL:
            raise BadRequestError(
                "unsupported_form",
                "a recording has no terminal UI",
                hint="run it headless",
            )
        name = options.transcript or DEMO_TRANSCRIPT
        folder = transcript_path(name)
        if folder is None or not name.startswith("claude-code/"):
            raise BadRequestError(
                "unknown_transcript",
                f"{name!r} is no recording of Claude Code that can be played",
                hint=f"for example {DEMO_TRANSCRIPT}",
            )
        delay = options.env.get(DELAY_VARIABLE, DELAY_MS)
        return Launch(
            argv=[self.program, "-I", "-S", str(player.__file__), str(folder), delay],
        )

    def protocol(self, options: AgentOptions, form: Form, *, resume: str | None) -> CliProtocol:
        """Claude Code's session, announced as a replay."""
        return ReplayProtocol(options, form, options.transcript or DEMO_TRANSCRIPT)

    def session_files(self, env: Mapping[str, str], session_id: str) -> list[str]:
        """Their names tell no time."""
        return []

    def session_log(self, env: Mapping[str, str], session_id: str) -> list[str]:
        """It keeps none."""
        return []

    def log_entry(self, line: dict[str, Any]) -> Entry | None:
        """See `session_log`."""
        return None

    def child_env(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def version_argv(self) -> list[str]:
        """The recording knows its version."""
        return []


class ReplayProtocol:
    """A ClaudeProtocol whose every turn begins with the notice `replay`."""

    typed: Collection[str] = ()

    def __init__(self, options: AgentOptions, form: Form, transcript: str) -> None:
        self._session = ClaudeProtocol(options, form, None)
        self._transcript = transcript
        self.drift: Counter[str] = self._session.drift

    def open(self) -> bytes:
        """See `base.CliProtocol`."""
        return self._session.open()

    def prompt(self, text: str) -> bytes:
        """See `base.CliProtocol`."""
        return self._session.prompt(text)

    @property
    def close_after_prompt(self) -> bool:
        """See `base.CliProtocol`."""
        return self._session.close_after_prompt

    def unmasked(self, line: bytes) -> None:
        """See `base.CliProtocol`."""
        self._session.unmasked(line)

    def receive(self, line: bytes) -> Received:
        """See `base.CliProtocol`."""
        return self._announced(self._session.receive(line))

    def receive_oversize(self, line: bytes) -> Received:
        """See `base.CliProtocol`."""
        return self._announced(self._session.receive_oversize(line))

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
        return self._session.features

    def answer(self, request_id: str, answer: PermissionAnswer) -> bytes:
        """See `base.CliProtocol`."""
        return self._session.answer(request_id, answer)

    def interrupt(self) -> bytes | None:
        """The player has no interrupt: its process is ended."""
        return None

    @property
    def background(self) -> list[BackgroundTask]:
        """See `base.CliProtocol`."""
        return self._session.background

    @property
    def resting(self) -> bool:
        """See `base.CliProtocol`."""
        return self._session.resting

    @property
    def untold(self) -> bool:
        """See `base.CliProtocol`."""
        return self._session.untold

    def give_up_telling(self) -> None:
        """See `base.CliProtocol`."""
        self._session.give_up_telling()

    def outlives(self, request_id: str) -> bool:
        """See `base.CliProtocol`."""
        return self._session.outlives(request_id)

    def stop_background(self) -> bytes | None:
        """The player hears nothing."""
        return None

    def finish_background(self) -> Received:
        """See `base.CliProtocol`."""
        return self._session.finish_background()

    def finish(self, exit: Exit) -> list[AgentEvent]:  # noqa: A002
        """See `base.CliProtocol`."""
        return self._session.finish(exit)
