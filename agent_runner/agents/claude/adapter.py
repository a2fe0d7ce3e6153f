"""How to start Claude Code.

In the terminal form it is its own UI (`profile`, `terminal`). The others use the
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
from agent_runner.agents.base import (
    Adapter,
    AgentOptions,
    AskingFlags,
    CliProtocol,
    Form,
    Launch,
    check_session_id,
)
from agent_runner.agents.claude import TYPE, login
from agent_runner.agents.claude import profile as claude_ui
from agent_runner.agents.claude import session_log as claude_log
from agent_runner.agents.claude.protocol import ClaudeProtocol
from agent_runner.agents.claude.terminal import ClaudeTerminal
from agent_runner.agents.login import LoginCheck
from agent_runner.agents.session_log import Entry
from agent_runner.decoding.terminal import Profile

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


class ClaudeAdapter(Adapter):
    """Claude Code."""

    type: ClassVar[str] = TYPE
    title: ClassVar[str] = "Claude Code"
    program: ClassVar[str] = "claude"
    install_hint: ClassVar[str] = "npm install -g @anthropic-ai/claude-code"
    recorded: ClassVar[tuple[str, ...]] = ("2.1.332", "2.1.197")
    login_hint: ClassVar[str] = "run `claude` once and log in, or set ANTHROPIC_API_KEY"
    image_forms: ClassVar[frozenset[Form]] = frozenset((Form.WARM, Form.ONE_SHOT))
    login: ClassVar[LoginCheck | None] = login.CHECK
    denied_path: ClassVar[str | None] = "Read(/{path})"
    writing_tools: ClassVar[tuple[str, ...] | None] = (
        "Bash", "Edit", "MultiEdit", "Write", "NotebookEdit", "Task", "WebFetch",
    )  # fmt: skip
    asking_flags: ClassVar[AskingFlags | None] = AskingFlags(
        unasked=frozenset(("--dangerously-skip-permissions",)),
        letting=frozenset(
            (
                *("--permission-mode", "--allowed-tools", "--settings", "--setting-sources"),
                *("--permission-prompt-tool", "--allow-dangerously-skip-permissions"),
            )
        ),
    )
    variables: ClassVar[tuple[str, ...]] = (
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
    """Credentials and endpoints of Anthropic, Bedrock and Vertex, and the CLI's own home."""
    path_variables: ClassVar[frozenset[str]] = frozenset(
        ("CLAUDE_CONFIG_DIR", "GOOGLE_APPLICATION_CREDENTIALS")
    )
    install_folders: ClassVar[tuple[str, ...]] = (".claude/local",)

    def check(self, options: AgentOptions, form: Form) -> None:
        """See `base.Adapter`."""
        flags.extra_args(options, _reserved(form))
        if form is Form.TERMINAL:
            flags.unsupported(options, "the UI of Claude Code", {"max_turns": "run it headless"})
        flags.clean(options.model or "", "model")
        flags.tool_list(options.allowed_tools, "allowedTools", "allowedTools")
        flags.tool_list(options.denied_tools, "deniedTools", "disallowedTools")
        if options.permission_mode:
            flags.one_of(options.permission_mode, PERMISSION_MODES, "permissionMode")
        if options.max_turns is not None:
            flags.integer(options.max_turns, "maxTurns")

    def launch(
        self, options: AgentOptions, form: Form, *, resume: str | None, private_dir: str
    ) -> Launch:
        """See `base.Adapter`. Texts and MCP servers go by file: they may hold secrets."""
        self.check(options, form)
        terminal = form is Form.TERMINAL
        argv = [self.program, *options.extra_args]
        if terminal:
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
            argv.append(flags.flag("allowedTools", ",".join(options.allowed_tools)))
        if options.denied_tools:
            argv.append(flags.flag("disallowedTools", ",".join(options.denied_tools)))
        if options.permission_mode:
            argv.append(flags.flag("permission-mode", options.permission_mode))
        elif terminal:
            # The UI's own default is another one than that of `-p`.
            argv.append(flags.flag("permission-mode", "default"))
        if options.max_turns is not None:
            argv.append(flags.flag("max-turns", str(options.max_turns)))
        if resume is not None:
            argv.append(flags.flag("resume", check_session_id(resume)))
        env = {
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "DISABLE_TELEMETRY": "1",
        }
        ui = self.ui(options, resume) if terminal else None
        return Launch(argv=argv, env=env, files=files, terminal=ui)

    def ui(self, options: AgentOptions, resume: str | None) -> Profile:
        """See `base.Adapter`."""
        return claude_ui.profile(options, resume)

    def protocol(self, options: AgentOptions, form: Form, *, resume: str | None) -> CliProtocol:
        """See `base.Adapter`."""
        if form is Form.TERMINAL:
            return ClaudeTerminal(options, form, resume)
        return ClaudeProtocol(options, form, resume)

    def fork_args(self, session_id: str, message: str | None, form: Form) -> list[str] | None:
        """See `base.Adapter`. The CLI's own UI copies a session as a whole only."""
        argv = [flags.flag("resume", check_session_id(session_id)), "--fork-session"]
        if message is None:
            return argv
        if form is Form.TERMINAL:
            return None
        return [*argv, flags.flag("resume-session-at", check_session_id(message))]

    def log_message(self, line: dict[str, Any]) -> tuple[str, str] | None:
        """See `base.Adapter`."""
        return claude_log.message(line)

    def session_log(self, env: Mapping[str, str], session_id: str) -> list[str]:
        """See `base.Adapter`."""
        home = env.get("CLAUDE_CONFIG_DIR") or f"{env.get('HOME', '')}/.claude"
        return [f"{quoting.glob(home)}/projects/*/{quoting.glob(session_id)}.jsonl"]

    def log_entry(self, line: dict[str, Any]) -> Entry | None:
        """See `base.Adapter`."""
        return claude_log.entry(line)


def _reserved(form: Form) -> tuple[str, ...]:
    return (*_RESERVED, "--settings") if form is Form.TERMINAL else _RESERVED
