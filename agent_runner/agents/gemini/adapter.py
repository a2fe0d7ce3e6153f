"""How to start Gemini CLI: stream-json for one prompt, ACP for a conversation, or its own UI.

`systemPrompt` is written to a file named by GEMINI_SYSTEM_MD and replaces the CLI's own.

A process that resumes a session in another minute than the one it was opened in leaves a
second, empty file of that session. At its start every process (0.61.0) removes all files of a
session that has an empty one, unless its command line names that session. So a warm process
names its session twice, here and over the protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from agent_runner.agents import flags
from agent_runner.agents.acp.answers import mcp_servers
from agent_runner.agents.acp.protocol import AcpProtocol
from agent_runner.agents.base import (
    Adapter,
    AgentOptions,
    AskingFlags,
    CliProtocol,
    Form,
    Launch,
    check_session_id,
)
from agent_runner.agents.gemini import TYPE, login, session_files
from agent_runner.agents.gemini import profile as gemini_ui
from agent_runner.agents.gemini import session_log as gemini_log
from agent_runner.agents.gemini.protocol import GeminiProtocol
from agent_runner.agents.gemini.terminal import GeminiTerminal
from agent_runner.agents.login import LoginCheck
from agent_runner.agents.session_files import SessionFiles
from agent_runner.agents.session_log import Entry
from agent_runner.decoding.terminal import Profile

APPROVAL_MODES = ("default", "auto_edit", "yolo", "plan")
_MODE_IDS = {"auto_edit": "autoEdit"}

_RESERVED = (
    "-p", "--prompt", "-i", "--prompt-interactive", "-o", "--output-format", "--acp",
    "--experimental-acp", "-r", "--resume", "--session-id", "--session-file", "-y", "--yolo",
    "-l", "--list-extensions", "--list-sessions", "--delete-session", "-v", "--version",
    "-h", "--help", "-w", "--worktree",
)  # fmt: skip


class GeminiAdapter(Adapter):
    """Gemini CLI."""

    type: ClassVar[str] = TYPE
    title: ClassVar[str] = "Gemini CLI"
    program: ClassVar[str] = "gemini"
    install_hint: ClassVar[str] = "npm install -g @google/gemini-cli"
    recorded: ClassVar[tuple[str, ...]] = ("0.61.0",)
    login_hint: ClassVar[str] = "set GEMINI_API_KEY, or run `gemini` once and log in"
    image_forms: ClassVar[frozenset[Form]] = frozenset((Form.WARM,))
    login: ClassVar[LoginCheck | None] = login.CHECK
    asking_flags: ClassVar[AskingFlags | None] = AskingFlags(
        unasked=frozenset(("--yolo", "-y")),
        letting=frozenset(("--allowed-tools", "--approval-mode", "--policy")),
    )
    variables: ClassVar[tuple[str, ...]] = (
        "GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_CLOUD_LOCATION", "GOOGLE_CLOUD_PROJECT", "GOOGLE_GEMINI_BASE_URL",
        "GOOGLE_GENAI_USE_GCA", "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_VERTEX_BASE_URL",
        "GEMINI_CLI_CUSTOM_HEADERS", "GEMINI_CLI_HOME", "GEMINI_CLI_SYSTEM_SETTINGS_PATH",
        "GEMINI_CLI_TRUSTED_FOLDERS_PATH", "GEMINI_MODEL", "GEMINI_SANDBOX",
    )  # fmt: skip
    """Keys, endpoints and the CLI's own home."""
    path_variables: ClassVar[frozenset[str]] = frozenset(
        (
            *("GEMINI_CLI_HOME", "GEMINI_CLI_SYSTEM_SETTINGS_PATH"),
            *("GEMINI_CLI_TRUSTED_FOLDERS_PATH", "GOOGLE_APPLICATION_CREDENTIALS"),
        )
    )

    def check(self, options: AgentOptions, form: Form) -> None:
        """See `base.Adapter`."""
        flags.extra_args(options, _RESERVED)
        hints = {
            "denied_tools": "use a policy file: extraArgs --policy=FILE",
            "max_turns": "set model.maxSessionTurns in the CLI's settings.json",
        }
        if form is Form.WARM:
            mcp_servers(options.mcp_servers)
        else:
            hints["mcp_servers"] = "use the warm form, or the CLI's settings.json"
        flags.unsupported(options, self.title, hints)
        flags.clean(options.model or "", "model")
        if options.permission_mode:
            flags.one_of(options.permission_mode, APPROVAL_MODES, "permissionMode")
        flags.tool_list(options.allowed_tools, "allowedTools", "allowed-tools")

    def launch(
        self, options: AgentOptions, form: Form, *, resume: str | None, private_dir: str
    ) -> Launch:
        """See `base.Adapter`. A resumed ACP session is loaded over the protocol."""
        self.check(options, form)
        argv = [self.program, *options.extra_args]
        if form is Form.ONE_SHOT:
            argv.append("--output-format=stream-json")
        elif form is Form.WARM:
            argv.append("--acp")
        if resume is not None:
            argv.append(flags.flag("resume", check_session_id(resume)))
        if options.model:
            argv.append(flags.flag("model", options.model))
        if options.permission_mode:
            argv.append(flags.flag("approval-mode", options.permission_mode))
        argv += [flags.flag("allowed-tools", name) for name in options.allowed_tools]
        env = {
            "GEMINI_CLI_NO_RELAUNCH": "1",
            "GEMINI_CLI_TRUST_WORKSPACE": "true",
            "GEMINI_TELEMETRY_ENABLED": "false",
            "NO_COLOR": "1",
        }
        files: dict[str, bytes] = {}
        if options.system_prompt:
            files["system.md"] = options.system_prompt.encode()
            env["GEMINI_SYSTEM_MD"] = f"{private_dir}/system.md"
        spool = form is Form.ONE_SHOT
        ui = self.ui(options, resume) if form is Form.TERMINAL else None
        return Launch(argv=argv, env=env, files=files, spool=spool, terminal=ui)

    def reading_args(self, folder: str) -> list[str]:
        """See `base.Adapter`. Outside its workspace the CLI refuses without a question."""
        return [flags.flag("include-directories", folder)]

    def ui(self, options: AgentOptions, resume: str | None) -> Profile:
        """See `base.Adapter`."""
        return gemini_ui.profile(resume)

    def protocol(self, options: AgentOptions, form: Form, *, resume: str | None) -> CliProtocol:
        """See `base.Adapter`."""
        if form is Form.TERMINAL:
            return GeminiTerminal(options, form, resume)
        if form is Form.ONE_SHOT:
            return GeminiProtocol(options, form, resume)
        return AcpProtocol(options, form, resume, mode_ids=_MODE_IDS)

    def session_files(self, env: Mapping[str, str], session_id: str) -> SessionFiles:
        """See `session_files`."""
        patterns = session_files.patterns(env, session_id)
        return SessionFiles(patterns, session_files.earlier_names)

    def session_log(self, env: Mapping[str, str], session_id: str) -> list[str]:
        """See `base.Adapter`."""
        return session_files.patterns(env, session_id)

    def log_entry(self, line: dict[str, Any]) -> Entry | None:
        """See `base.Adapter`."""
        return gemini_log.entry(line)
