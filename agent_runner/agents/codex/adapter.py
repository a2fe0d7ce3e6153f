"""How to start Codex CLI: `exec --json` for one prompt, its app-server for a conversation, or its
own UI.

`permissionMode` is one of MODES: a sandbox of the CLI's, with when it asks. `systemPrompt` is
written to a file and replaces the CLI's own instructions: for additions it has no file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

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
from agent_runner.agents.codex import TYPE, login
from agent_runner.agents.codex import profile as codex_ui
from agent_runner.agents.codex import session_log as codex_log
from agent_runner.agents.codex.modes import MODES, Mode
from agent_runner.agents.codex.protocol import CodexProtocol
from agent_runner.agents.codex.rpc_protocol import CodexRpcProtocol
from agent_runner.agents.codex.terminal import CodexTerminal
from agent_runner.agents.login import LoginCheck
from agent_runner.agents.session_log import Entry
from agent_runner.decoding.terminal import Profile
from agent_runner.errors import BadRequestError

_INSTRUCTIONS = "instructions.md"
_QUIET = {
    "analytics.enabled": False,
    "check_for_update_on_startup": False,
    # Without it an API that nobody answers at is asked for ever.
    "features.unbounded_connection_retries": False,
}
_RESERVED = (
    "--json", "-o", "--output-last-message", "-C", "--cd", "-i", "--image", "--remote",
    "--remote-auth-token-env", "--listen", "--stdio", "--ephemeral", "--worktree", "--last",
    "--no-daemon", "-h", "--help", "-V", "--version",
)  # fmt: skip


class CodexAdapter(Adapter):
    """Codex CLI."""

    type: ClassVar[str] = TYPE
    title: ClassVar[str] = "Codex CLI"
    program: ClassVar[str] = "codex"
    install_hint: ClassVar[str] = "npm install -g @openai/codex"
    login_hint: ClassVar[str] = "set CODEX_API_KEY, or run `codex login`"
    recorded: ClassVar[tuple[str, ...]] = ("0.171.0",)
    image_forms: ClassVar[frozenset[Form]] = frozenset((Form.WARM, Form.ONE_SHOT))
    login: ClassVar[LoginCheck | None] = login.CHECK
    asking_flags: ClassVar[AskingFlags | None] = AskingFlags(
        unasked=frozenset(("--dangerously-bypass-approvals-and-sandbox", "--yolo")),
        letting=frozenset(
            (
                *("--ask-for-approval", "-a", "--approve-for-me", "--sandbox", "-s", "--trust"),
                *("--config", "-c", "--profile", "-p", "--full-auto", "--add-dir"),
            )
        ),
    )
    variables: ClassVar[tuple[str, ...]] = (
        "CODEX_ACCESS_TOKEN", "CODEX_API_KEY", "CODEX_CA_CERTIFICATE", "CODEX_HOME",
        "CODEX_SQLITE_HOME", "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORGANIZATION",
        "OPENAI_PROJECT",
    )  # fmt: skip
    """Keys, endpoints and the CLI's own home; those of OpenAI are for providers of one's own."""
    path_variables: ClassVar[frozenset[str]] = frozenset(
        ("CODEX_CA_CERTIFICATE", "CODEX_HOME", "CODEX_SQLITE_HOME")
    )

    def obstacle(self, options: AgentOptions, form: Form) -> BadRequestError | None:
        """See `base.Adapter`."""
        mode = MODES.get(options.permission_mode or "")
        if mode is not None and mode.approval == "untrusted" and form is not Form.WARM:
            return BadRequestError(
                "unsupported_form",
                "the permissionMode untrusted is for headless warm processes",
                hint="run it headless and warm, or choose another permissionMode",
            )
        return None

    def check(self, options: AgentOptions, form: Form) -> None:
        """See `base.Adapter`."""
        flags.extra_args(options, _RESERVED)
        hints = {
            "allowed_tools": "write rules into ~/.codex/rules",
            "denied_tools": "write rules into ~/.codex/rules",
            "max_turns": "limit the run's time instead",
        }
        if form is not Form.WARM:
            hints["mcp_servers"] = "use the warm form, or ~/.codex/config.toml"
        flags.unsupported(options, self.title, hints)
        flags.clean(options.model or "", "model")
        if options.permission_mode:
            flags.one_of(options.permission_mode, tuple(MODES), "permissionMode")
        if (obstacle := self.obstacle(options, form)) is not None:
            raise obstacle

    def launch(
        self, options: AgentOptions, form: Form, *, resume: str | None, private_dir: str
    ) -> Launch:
        """See `base.Adapter`. The app-server is configured over the protocol."""
        self.check(options, form)
        if form is Form.WARM:
            argv = [self.program, "app-server", *options.extra_args, *_settings(_QUIET)]
            return Launch(argv=argv, env={"NO_COLOR": "1"})
        if form is Form.TERMINAL:
            hooks = flags.flag("config", f"hooks={codex_ui.hooks_setting()}")
            argv = [self.program, *options.extra_args, "--no-daemon", *_settings(_QUIET), hooks]
        else:
            argv = [self.program, "exec", *options.extra_args]
            argv += ["--json", "--skip-git-repo-check", *_settings(_QUIET)]
        if options.model:
            argv.append(flags.flag("model", options.model))
        if options.permission_mode:
            argv += _mode(MODES[options.permission_mode])
        elif form is Form.TERMINAL:
            # By default its UI asks nothing: what would be a question fails.
            argv += _settings({"approval_policy": "on-request"})
        files: dict[str, bytes] = {}
        if options.system_prompt:
            files[_INSTRUCTIONS] = options.system_prompt.encode()
            argv += _settings({"model_instructions_file": f"{private_dir}/{_INSTRUCTIONS}"})
        if resume is not None:
            argv += ["resume", check_session_id(resume)]
        if form is Form.TERMINAL:
            return Launch(argv=argv, files=files, terminal=self.ui(options, resume))
        return Launch(argv=[*argv, "-"], env={"NO_COLOR": "1"}, files=files)

    def ui(self, options: AgentOptions, resume: str | None) -> Profile:
        """See `base.Adapter`."""
        return codex_ui.profile(resume)

    def image_args(self, paths: Sequence[str], form: Form) -> list[str]:
        """See `base.Adapter`."""
        if form is not Form.ONE_SHOT:
            return []
        return [flags.flag("image", path) for path in paths]

    def protocol(self, options: AgentOptions, form: Form, *, resume: str | None) -> CliProtocol:
        """See `base.Adapter`."""
        if form is Form.TERMINAL:
            return CodexTerminal(options, form, resume)
        if form is Form.WARM:
            return CodexRpcProtocol(options, form, resume)
        return CodexProtocol(options, form, resume)

    def session_log(self, env: Mapping[str, str], session_id: str) -> list[str]:
        """See `base.Adapter`."""
        home = env.get("CODEX_HOME") or f"{env.get('HOME', '')}/.codex"
        folder = f"{quoting.glob(home)}/sessions/*/*/*"
        return [f"{folder}/rollout-*-{quoting.glob(session_id)}.jsonl"]

    def log_entry(self, line: dict[str, Any]) -> Entry | None:
        """See `base.Adapter`."""
        return codex_log.entry(line)


def _settings(values: Mapping[str, Any]) -> list[str]:
    """Flags that set values of the CLI's configuration, which are read as TOML."""
    return [flags.flag("config", f"{name}={json.dumps(value)}") for name, value in values.items()]


def _mode(mode: Mode) -> list[str]:
    return _settings({"sandbox_mode": mode.sandbox, "approval_policy": mode.approval})
