"""Any agent that speaks the Agent Client Protocol, by the command that starts it.

`command` is the program with its arguments, such as `opencode acp`; `extraArgs` follow. What it can
do is read from its answer to `initialize`: whether it loads sessions and takes images. `model` and
`permissionMode` are its own ids, set over the protocol.
"""

from __future__ import annotations

from typing import ClassVar

from agent_runner.agents import flags
from agent_runner.agents.acp import TYPE
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
from agent_runner.errors import BadRequestError

ORDER = 1


class AcpAdapter(Adapter):
    """A command of the user's that speaks ACP on its stdin and stdout."""

    type: ClassVar[str] = TYPE
    title: ClassVar[str] = "ACP agent"
    program: ClassVar[str] = ""
    install_hint: ClassVar[str] = "set command to a program that exists"
    login_hint: ClassVar[str] = "see the program's own documentation"
    one_program: ClassVar[bool] = False
    own_options: ClassVar[tuple[str, ...]] = ("command",)
    image_forms: ClassVar[frozenset[Form]] = frozenset((Form.WARM, Form.ONE_SHOT))

    def obstacle(self, options: AgentOptions, form: Form) -> BadRequestError | None:
        """See `base.Adapter`."""
        if form is not Form.TERMINAL:
            return None
        return BadRequestError(
            "unsupported_form",
            "an agent of type acp has no terminal UI",
            hint="run it headless, or register its own CLI's type, or custom with terminal",
        )

    def check(self, options: AgentOptions, form: Form) -> None:
        """See `base.Adapter`."""
        if (obstacle := self.obstacle(options, form)) is not None:
            raise obstacle
        flags.command(options, TYPE, '["opencode", "acp"]')
        hint = "put the command's own flag into command"
        names = ("allowed_tools", "denied_tools", "max_turns", "system_prompt")
        flags.unsupported(options, self.title, dict.fromkeys(names, hint))
        mcp_servers(options.mcp_servers)

    def launch(
        self, options: AgentOptions, form: Form, *, resume: str | None, private_dir: str
    ) -> Launch:
        """See `base.Adapter`. A session is loaded over the protocol."""
        self.check(options, form)
        if resume is not None:
            check_session_id(resume)
        return Launch(argv=[*options.command, *options.extra_args])

    def protocol(self, options: AgentOptions, form: Form, *, resume: str | None) -> CliProtocol:
        """See `base.Adapter`."""
        return AcpProtocol(options, form, resume, mode=options.permission_mode, model=options.model)

    def version_argv(self) -> list[str]:
        """It tells its version itself."""
        return []
