"""How to start Claude Code.

In the terminal form it is its own UI (`claude_ui`, `claude_terminal`). The others use the
two-way protocol (stream-json in and out): a one-shot process gets its prompt as one line and
its stdin is closed only after the result. With a plain prompt on stdin the CLI exits as soon
as it has answered, and an answer of a megabyte was seen cut at 262 kB with exit 0; as long as
stdin is open the process stays until everything is read. So `close_after_prompt` is False.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from agent_runner import quoting
from agent_runner.agents import flags
from agent_runner.agents.base import AgentOptions, CliProtocol, Form, Launch, check_session_id
from agent_runner.agents.claude import profile as claude_ui
from agent_runner.agents.claude import session_log as claude_log
from agent_runner.agents.claude.protocol import ClaudeProtocol
from agent_runner.agents.claude.terminal import ClaudeTerminal
from agent_runner.agents.session_log import Entry

PERMISSION_MODES = (
    "default",
    "acceptEdits",
    "auto",
    "bypassPermissions",
    "dontAsk",
    "manual",
    "plan",
)
"""Of 2.1.197 and 2.1.329 together; each accepts any word over the control protocol."""

PROTOCOL_ARGV = (
    "-p",
    "--input-format=stream-json",
    "--output-format=stream-json",
    "--verbose",
    "--include-partial-messages",
    "--permission-prompt-tool=stdio",
)

_RESERVED = (
    "-p", "--print", "--input-format", "--output-format", "--verbose", "-r", "--resume",
    "-c", "--continue", "--session-id", "--permission-prompt-tool", "--permission-prompts",
    "--include-partial-messages", "--replay-user-messages", "--bg", "--background", "--tmux",
    "--cloud", "--teleport", "--remote-control", "-v", "--version", "-h", "--help",
)  # fmt: skip


class ClaudeAdapter:
    """Claude Code."""

    type: ClassVar[str] = "claude-code"
    title: ClassVar[str] = "Claude Code"
    program: ClassVar[str] = "claude"
    forms: ClassVar[tuple[Form, ...]] = (Form.WARM, Form.ONE_SHOT)
    install_hint: ClassVar[str] = "npm install -g @anthropic-ai/claude-code"
    denied_path: ClassVar[str | None] = "Read(/{path})"
    one_program: ClassVar[bool] = True
    login_hint: ClassVar[str] = "run `claude` once and log in, or set ANTHROPIC_API_KEY"

    def launch(
        self, options: AgentOptions, form: Form, *, resume: str | None, private_dir: str
    ) -> Launch:
        """See `base.Adapter`. Texts and MCP servers go by file: they may hold secrets."""
        terminal = form is Form.TERMINAL
        reserved = (*_RESERVED, "--settings") if terminal else _RESERVED
        argv = [self.program, *flags.extra_args(options, reserved)]
        if terminal:
            flags.unsupported(options, "the UI of Claude Code", {"max_turns": "run it headless"})
            argv.append(flags.flag("settings", f"{private_dir}/{claude_ui.SETTINGS}"))
        else:
            argv += PROTOCOL_ARGV
        files: dict[str, bytes] = {}
        if options.model:
            argv.append(flags.flag("model", options.model))
        if options.system_prompt:
            files["system-prompt.txt"] = options.system_prompt.encode()
            argv.append(flags.flag("append-system-prompt-file", f"{private_dir}/system-prompt.txt"))
        if options.mcp_servers is not None:
            files["mcp.json"] = msgspec.json.encode({"mcpServers": options.mcp_servers})
            argv += [flags.flag("mcp-config", f"{private_dir}/mcp.json"), "--strict-mcp-config"]
        if options.allowed_tools:
            names = flags.tool_list(options.allowed_tools, "allowedTools")
            argv.append(flags.flag("allowedTools", names))
        if options.denied_tools:
            names = flags.tool_list(options.denied_tools, "deniedTools")
            argv.append(flags.flag("disallowedTools", names))
        if options.permission_mode:
            mode = flags.one_of(options.permission_mode, PERMISSION_MODES, "permissionMode")
            argv.append(flags.flag("permission-mode", mode))
        elif terminal:
            # The UI's own default is another one than that of `-p`.
            argv.append(flags.flag("permission-mode", "default"))
        if options.max_turns is not None:
            argv.append(flags.flag("max-turns", flags.integer(options.max_turns, "maxTurns")))
        if resume is not None:
            argv.append(flags.flag("resume", check_session_id(resume)))
        env = {
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "DISABLE_TELEMETRY": "1",
        }
        ui = claude_ui.profile(options, resume) if terminal else None
        return Launch(argv=argv, env=env, files=files, terminal=ui)

    def protocol(self, options: AgentOptions, form: Form, *, resume: str | None) -> CliProtocol:
        """See `base.Adapter`."""
        if form is Form.TERMINAL:
            return ClaudeTerminal(options, form, resume)
        return ClaudeProtocol(options, form, resume)

    def session_files(self, env: Mapping[str, str], session_id: str) -> list[str]:
        """Their names tell no time."""
        return []

    def session_log(self, env: Mapping[str, str], session_id: str) -> list[str]:
        """See `base.Adapter`."""
        home = env.get("CLAUDE_CONFIG_DIR") or f"{env.get('HOME', '')}/.claude"
        return [f"{quoting.glob(home)}/projects/*/{quoting.glob(session_id)}.jsonl"]

    def log_entry(self, line: dict[str, Any]) -> Entry | None:
        """See `base.Adapter`."""
        return claude_log.entry(line)

    def child_env(self) -> tuple[str, ...]:
        """Credentials and endpoints of Anthropic, Bedrock and Vertex, and the CLI's own home."""
        return (
            "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL",
            "ANTHROPIC_CUSTOM_HEADERS", "ANTHROPIC_MODEL", "ANTHROPIC_SMALL_FAST_MODEL",
            "ANTHROPIC_BEDROCK_BASE_URL", "ANTHROPIC_VERTEX_BASE_URL",
            "ANTHROPIC_VERTEX_PROJECT_ID", "AWS_ACCESS_KEY_ID", "AWS_BEARER_TOKEN_BEDROCK",
            "AWS_PROFILE", "AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
            "API_TIMEOUT_MS", "BASH_DEFAULT_TIMEOUT_MS", "BASH_MAX_TIMEOUT_MS",
            "CLAUDE_CODE_MAX_OUTPUT_TOKENS", "CLAUDE_CODE_MAX_RETRIES",
            "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX",
            "CLAUDE_CONFIG_DIR", "CLOUD_ML_REGION", "GOOGLE_APPLICATION_CREDENTIALS",
            "IS_SANDBOX", "MAX_THINKING_TOKENS", "MCP_TIMEOUT", "MCP_TOOL_TIMEOUT",
        )  # fmt: skip

    def version_argv(self) -> list[str]:
        """Prints `2.1.197 (Claude Code)`."""
        return [self.program, "--version"]
