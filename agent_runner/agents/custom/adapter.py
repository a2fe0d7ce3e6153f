"""Any command as an agent, in one of the dialects we read.

`command` is the program with its arguments; `extraArgs` follow. `dialect` is `text` (the
default), `claude-code`, `gemini`, `factory-droid` (stream-json lines) or `acp`. The command
itself must ask for its output format: no flag is added here.

In the terminal form the same command shows its own UI, which is read from the screen; the
dialect does not count there. The agent says with `terminal` that its command has one: a
command that reads its prompt from stdin must not be run a second time in a terminal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from agent_runner.agents import flags
from agent_runner.agents.acp.answers import mcp_servers
from agent_runner.agents.acp.protocol import AcpProtocol
from agent_runner.agents.base import AgentOptions, CliProtocol, Form, Launch, check_session_id
from agent_runner.agents.claude.protocol import ClaudeProtocol
from agent_runner.agents.custom.supervised_protocol import Inner, SupervisedProtocol
from agent_runner.agents.custom.text_protocol import TextProtocol
from agent_runner.agents.droid.protocol import DroidProtocol
from agent_runner.agents.gemini.protocol import GeminiProtocol
from agent_runner.agents.screen import profile as screen_ui
from agent_runner.agents.screen.terminal import ScreenTerminal
from agent_runner.agents.session_log import Entry
from agent_runner.errors import BadRequestError

TEXT = "text"
ACP = "acp"

_SESSIONS: dict[str, type[TextProtocol | ClaudeProtocol | GeminiProtocol | DroidProtocol]] = {
    TEXT: TextProtocol,
    "claude-code": ClaudeProtocol,
    "gemini": GeminiProtocol,
    "factory-droid": DroidProtocol,
}
DIALECTS = (*_SESSIONS, ACP)
WARM_DIALECTS = ("claude-code", ACP)


class CustomAdapter:
    """A command of the user's."""

    type: ClassVar[str] = "custom"
    title: ClassVar[str] = "Custom command"
    program: ClassVar[str] = ""
    forms: ClassVar[tuple[Form, ...]] = (Form.WARM, Form.ONE_SHOT)
    install_hint: ClassVar[str] = "set command to a program that exists"
    denied_path: ClassVar[str | None] = None
    one_program: ClassVar[bool] = False
    login_hint: ClassVar[str] = "see the program's own documentation"

    def launch(
        self, options: AgentOptions, form: Form, *, resume: str | None, private_dir: str
    ) -> Launch:
        """See `base.Adapter`. Only the dialects claude-code and acp can be warm."""
        dialect = dialect_of(options)
        ui = screen_ui.profile(options.terminal) if options.terminal is not None else None
        if form is Form.TERMINAL and ui is None:
            raise BadRequestError(
                "unsupported_form",
                "a custom command has no terminal UI unless its agent says so",
                hint="set terminal, {} for the defaults, or run it headless",
            )
        if form is Form.WARM and dialect not in WARM_DIALECTS:
            raise BadRequestError(
                "unsupported_form",
                f"a command of dialect {dialect} cannot be warm",
                hint="use the one-shot form",
            )
        if resume is not None:
            check_session_id(resume)
        hint = "put the command's own flag into command"
        hints = dict.fromkeys(("allowed_tools", "denied_tools", "max_turns", "system_prompt"), hint)
        if dialect == ACP and form is not Form.TERMINAL:
            mcp_servers(options.mcp_servers)
        else:
            hints |= dict.fromkeys(("mcp_servers", "model", "permission_mode"), hint)
        flags.unsupported(options, self.title, hints)
        words = [*options.command, *options.extra_args]
        return Launch(
            argv=[flags.clean(word, "command") for word in words],
            spool=form is Form.ONE_SHOT,
            terminal=ui if form is Form.TERMINAL else None,
        )

    def protocol(self, options: AgentOptions, form: Form, *, resume: str | None) -> CliProtocol:
        """See `base.Adapter`. Only ACP can resume a session without a flag."""
        dialect = dialect_of(options)
        if form is Form.TERMINAL:
            return ScreenTerminal(options, form, None)
        inner: Inner
        if dialect == ACP:
            inner = AcpProtocol(
                options, form, resume, mode=options.permission_mode, model=options.model
            )
        else:
            inner = _SESSIONS[dialect](options, form, None)
        return SupervisedProtocol(inner, json_stdout=dialect != TEXT)

    def session_files(self, env: Mapping[str, str], session_id: str) -> list[str]:
        """Their names tell no time."""
        return []

    def session_log(self, env: Mapping[str, str], session_id: str) -> list[str]:
        """Where a user's own command keeps its session, if it has one, is not known."""
        return []

    def log_entry(self, line: dict[str, Any]) -> Entry | None:
        """See `session_log`."""
        return None

    def child_env(self) -> tuple[str, ...]:
        """Nothing beyond what every child gets; `options.env` adds to it."""
        return ()

    def version_argv(self) -> list[str]:
        """There is no version to ask for."""
        return []


def dialect_of(options: AgentOptions) -> str:
    """The checked dialect; BadRequestError without a command or for an unknown dialect."""
    if not options.command or not options.command[0].strip():
        raise BadRequestError(
            "missing_command", "an agent of type custom needs command", hint='["prog"]'
        )
    return flags.one_of(options.dialect or TEXT, DIALECTS, "dialect")
