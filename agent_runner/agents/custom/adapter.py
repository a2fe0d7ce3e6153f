"""Any command as an agent, in one of the dialects we read.

`command` is the program with its arguments; `extraArgs` follow. `dialect` is `text` (the
default), the agent type of a CLI whose lines the command prints, or `acp`. The command itself
must ask for its output format: no flag is added here.

In the terminal form the same command shows its own UI, which is read from the screen; the
dialect does not count there. The agent says with `terminal` that its command has one: a
command that reads its prompt from stdin must not be run a second time in a terminal.
"""

from __future__ import annotations

from typing import ClassVar

from agent_runner.agents import flags
from agent_runner.agents.acp import TYPE as ACP
from agent_runner.agents.acp.answers import mcp_servers
from agent_runner.agents.acp.protocol import AcpProtocol
from agent_runner.agents.base import (
    Adapter,
    AgentOptions,
    CliProtocol,
    Form,
    Launch,
    check_session_id,
)
from agent_runner.agents.custom import TYPE
from agent_runner.agents.custom.supervised_protocol import SupervisedProtocol
from agent_runner.agents.custom.text_protocol import TextProtocol
from agent_runner.agents.dialect import Dialect, dialects
from agent_runner.agents.screen import options as screen_options
from agent_runner.agents.screen import profile as screen_ui
from agent_runner.agents.screen.terminal import ScreenTerminal
from agent_runner.decoding.terminal import Profile
from agent_runner.errors import BadRequestError

ORDER = 1

TEXT = "text"

DIALECTS = {TEXT: Dialect(TextProtocol), **dialects()}


class CustomAdapter(Adapter):
    """A command of the user's."""

    type: ClassVar[str] = TYPE
    title: ClassVar[str] = "Custom command"
    program: ClassVar[str] = ""
    install_hint: ClassVar[str] = "set command to a program that exists"
    one_program: ClassVar[bool] = False
    login_hint: ClassVar[str] = "see the program's own documentation"
    own_options: ClassVar[tuple[str, ...]] = ("command", "dialect", "terminal")

    def obstacle(self, options: AgentOptions, form: Form) -> BadRequestError | None:
        """See `base.Adapter`. Not every dialect can be warm; a UI has to be described."""
        dialect = dialect_of(options)
        if form is Form.TERMINAL and options.terminal is None:
            return BadRequestError(
                "unsupported_form",
                "a custom command has no terminal UI unless its agent says so",
                hint="set terminal, {} for the defaults, or run it headless",
            )
        if form is Form.WARM and not DIALECTS[dialect].warm:
            return BadRequestError(
                "unsupported_form",
                f"a command of dialect {dialect} cannot be warm",
                hint="use the one-shot form",
            )
        return None

    def check(self, options: AgentOptions, form: Form) -> None:
        """See `base.Adapter`."""
        dialect = dialect_of(options)
        if options.terminal is not None:
            screen_options.check(options.terminal)
        if (obstacle := self.obstacle(options, form)) is not None:
            raise obstacle
        hint = "put the command's own flag into command"
        hints = dict.fromkeys(("allowed_tools", "denied_tools", "max_turns", "system_prompt"), hint)
        if dialect == ACP and form is not Form.TERMINAL:
            mcp_servers(options.mcp_servers)
        else:
            hints |= dict.fromkeys(("mcp_servers", "model", "permission_mode"), hint)
        flags.unsupported(options, self.title, hints)

    def launch(
        self, options: AgentOptions, form: Form, *, resume: str | None, private_dir: str
    ) -> Launch:
        """See `base.Adapter`."""
        self.check(options, form)
        if resume is not None:
            check_session_id(resume)
        return Launch(
            argv=[*options.command, *options.extra_args],
            spool=form is Form.ONE_SHOT,
            terminal=self.ui(options, resume) if form is Form.TERMINAL else None,
        )

    def ui(self, options: AgentOptions, resume: str | None) -> Profile | None:
        """See `base.Adapter`."""
        return None if options.terminal is None else screen_ui.profile(options.terminal)

    def protocol(self, options: AgentOptions, form: Form, *, resume: str | None) -> CliProtocol:
        """See `base.Adapter`. Only ACP can resume a session without a flag."""
        dialect = dialect_of(options)
        if form is Form.TERMINAL:
            return ScreenTerminal(options, form, None)
        inner = (
            AcpProtocol(options, form, resume, mode=options.permission_mode, model=options.model)
            if dialect == ACP
            else DIALECTS[dialect].protocol(options, form, None)
        )
        return SupervisedProtocol(inner, json_stdout=dialect != TEXT)

    def version_argv(self) -> list[str]:
        """There is no version to ask for."""
        return []


def dialect_of(options: AgentOptions) -> str:
    """The checked dialect; BadRequestError without a command or for an unknown dialect."""
    flags.command(options, TYPE, '["prog"]')
    return flags.one_of(options.dialect or TEXT, DIALECTS, "dialect")
