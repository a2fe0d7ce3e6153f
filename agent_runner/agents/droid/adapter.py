"""How to start Factory Droid: stream-json for one prompt, JSON-RPC for a conversation,
or its own UI.

`permissionMode` is Droid's autonomy: off, low, medium, high, or unsafe (no checks at all).
`allowedTools` restricts the session to these tools, for Droid has no list of tools that
need no question.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from agent_runner.agents.droid import TYPE, login
from agent_runner.agents.droid import profile as droid_ui
from agent_runner.agents.droid import session_log as droid_log
from agent_runner.agents.droid.protocol import DroidProtocol
from agent_runner.agents.droid.rpc_protocol import DroidRpcProtocol
from agent_runner.agents.droid.terminal import DroidTerminal
from agent_runner.agents.login import LoginCheck
from agent_runner.agents.session_log import Entry
from agent_runner.decoding.terminal import Profile
from agent_runner.errors import BadRequestError

AUTONOMY = ("off", "low", "medium", "high", "unsafe")

_RESERVED = (
    "-o", "--output-format", "--input-format", "-f", "--file", "-s", "--session-id", "--fork",
    "--cwd", "-w", "--worktree", "--list-tools", "-h", "--help",
)  # fmt: skip
_UI_RESERVED = (*_RESERVED, "--settings", "-r", "--resume", "--last", "-v", "--version")


class DroidAdapter(Adapter):
    """Factory Droid."""

    type: ClassVar[str] = TYPE
    title: ClassVar[str] = "Factory Droid"
    program: ClassVar[str] = "droid"
    install_hint: ClassVar[str] = "npm install -g droid"
    recorded: ClassVar[tuple[str, ...]] = ("0.215.0",)
    login_hint: ClassVar[str] = (
        "set FACTORY_API_KEY, or FACTORY_AIRGAP_ENABLED=true with a custom model"
    )
    image_forms: ClassVar[frozenset[Form]] = frozenset((Form.WARM,))
    login: ClassVar[LoginCheck | None] = login.CHECK
    asking_flags: ClassVar[AskingFlags | None] = AskingFlags(
        unasked=frozenset(("--skip-permissions-unsafe",)),
        letting=frozenset(("--auto", "--settings")),
    )
    variables: ClassVar[tuple[str, ...]] = (
        "FACTORY_AIRGAP_ENABLED", "FACTORY_API_BASE_URL", "FACTORY_API_KEY",
        "FACTORY_DISABLE_KEYRING", "FACTORY_HOME_OVERRIDE", "FACTORY_LOG_FILE",
        "FACTORY_RUNTIME_SETTINGS_PATH", "FACTORY_TELEMETRY_INGEST_BASE_URL",
    )  # fmt: skip
    """Keys, endpoints and the CLI's own home."""
    path_variables: ClassVar[frozenset[str]] = frozenset(
        ("FACTORY_HOME_OVERRIDE", "FACTORY_LOG_FILE", "FACTORY_RUNTIME_SETTINGS_PATH")
    )

    def check(self, options: AgentOptions, form: Form) -> None:
        """See `base.Adapter`."""
        if form is Form.TERMINAL:
            flags.unsupported(
                options,
                "the UI of Factory Droid",
                dict.fromkeys(
                    ("max_turns", "mcp_servers", "allowed_tools", "denied_tools"), "run it headless"
                ),
            )
            flags.extra_args(options, _UI_RESERVED)
            if options.permission_mode and options.permission_mode != "off":
                flags.one_of(options.permission_mode, AUTONOMY[1:4], "permissionMode")
            return
        flags.extra_args(options, _RESERVED)
        if options.permission_mode:
            flags.one_of(options.permission_mode, AUTONOMY, "permissionMode")
        hints = {"max_turns": "limit the run's time instead"}
        if form is Form.WARM:
            flags.unsupported(options, self.title, hints)
            rpc_settings(options)
            return
        hints["mcp_servers"] = "use the warm form, or ~/.factory/mcp.json"
        flags.unsupported(options, self.title, hints)
        flags.clean(options.cwd, "cwd")
        flags.clean(options.model or "", "model")
        flags.tool_list(options.allowed_tools, "allowedTools", "only-tools")
        flags.tool_list(options.denied_tools, "deniedTools", "remove-tools")

    def launch(
        self, options: AgentOptions, form: Form, *, resume: str | None, private_dir: str
    ) -> Launch:
        """See `base.Adapter`. The JSON-RPC form is configured over the protocol."""
        self.check(options, form)
        env = {"FACTORY_DROID_AUTO_UPDATE_ENABLED": "false", "NO_COLOR": "1"}
        if form is Form.TERMINAL:
            return self._launch_ui(options, env, resume, private_dir)
        argv = [self.program, "exec", *options.extra_args]
        if form is Form.WARM:
            argv += ["--input-format=stream-jsonrpc", "--output-format=stream-jsonrpc"]
            return Launch(argv=argv, env=env)
        argv += ["--output-format=stream-json", flags.flag("cwd", options.cwd)]
        files: dict[str, bytes] = {}
        if options.model:
            argv.append(flags.flag("model", options.model))
        if options.permission_mode == "unsafe":
            argv.append("--skip-permissions-unsafe")
        elif options.permission_mode and options.permission_mode != "off":
            argv.append(flags.flag("auto", options.permission_mode))
        if options.allowed_tools:
            argv.append(flags.flag("only-tools", ",".join(options.allowed_tools)))
        if options.denied_tools:
            argv.append(flags.flag("remove-tools", ",".join(options.denied_tools)))
        if options.system_prompt:
            files["system-prompt.txt"] = options.system_prompt.encode()
            path = f"{private_dir}/system-prompt.txt"
            argv.append(flags.flag("append-system-prompt-file", path))
        if resume is not None:
            argv.append(flags.flag("session-id", check_session_id(resume)))
        return Launch(argv=argv, env=env, files=files, spool=True)

    def _launch_ui(
        self, options: AgentOptions, env: dict[str, str], resume: str | None, private_dir: str
    ) -> Launch:
        argv = [self.program, *options.extra_args]
        argv += ["--settings", f"{private_dir}/{droid_ui.SETTINGS}"]
        if options.permission_mode and options.permission_mode != "off":
            argv += ["--auto", options.permission_mode]
        files: dict[str, bytes] = {}
        if options.system_prompt:
            files["system-prompt.txt"] = options.system_prompt.encode()
            argv += ["--append-system-prompt-file", f"{private_dir}/system-prompt.txt"]
        if resume is not None:
            argv += ["--resume", check_session_id(resume)]
        return Launch(argv=argv, env=env, files=files, terminal=self.ui(options, resume))

    def ui(self, options: AgentOptions, resume: str | None) -> Profile:
        """See `base.Adapter`."""
        return droid_ui.profile(options.model, resume)

    def protocol(self, options: AgentOptions, form: Form, *, resume: str | None) -> CliProtocol:
        """See `base.Adapter`."""
        if form is Form.TERMINAL:
            return DroidTerminal(options, form, resume)
        if form is Form.ONE_SHOT:
            return DroidProtocol(options, form, resume)
        return DroidRpcProtocol(options, form, resume, settings=rpc_settings(options))

    def session_log(self, env: Mapping[str, str], session_id: str) -> list[str]:
        """See `base.Adapter`."""
        home = env.get("FACTORY_HOME_OVERRIDE") or env.get("HOME", "")
        return [f"{quoting.glob(home)}/.factory/sessions/*/{quoting.glob(session_id)}.jsonl"]

    def log_entry(self, line: dict[str, Any]) -> Entry | None:
        """See `base.Adapter`."""
        return droid_log.entry(line)


def rpc_settings(options: AgentOptions) -> dict[str, Any]:
    """The options in the words of droid.initialize_session."""
    settings: dict[str, Any] = {}
    if options.model:
        settings["modelId"] = options.model
    if options.permission_mode == "unsafe":
        settings["skipPermissionsUnsafe"] = True
    elif options.permission_mode:
        settings["autonomyLevel"] = options.permission_mode
    if options.allowed_tools:
        settings["restrictToolIds"] = options.allowed_tools
    if options.denied_tools:
        settings["disabledToolIds"] = options.denied_tools
    if options.system_prompt:
        # Appended to the CLI's own, as the one-shot form's flag does.
        settings["systemPrompt"] = {
            "type": "preset",
            "preset": "droid",
            "append": options.system_prompt,
        }
    if options.mcp_servers:
        settings["mcpServers"] = [
            _mcp_server(name, server) for name, server in options.mcp_servers.items()
        ]
    return settings


def _mcp_server(name: str, server: dict[str, Any]) -> dict[str, Any]:
    if "url" not in server and "command" not in server:
        raise BadRequestError(
            "invalid_option", f"MCP server {name[:80]!r} has no command and no url"
        )
    if "command" in server:
        env = flags.names_and_values(server.get("env"), f"env of {name[:80]!r}")
        return {
            "name": name,
            "command": server["command"],
            "args": server.get("args") or [],
            "env": {one["name"]: one["value"] for one in env},
        }
    return {
        "type": server.get("type", "http"),
        "name": name,
        "url": server["url"],
        "headers": flags.names_and_values(server.get("headers"), f"headers of {name[:80]!r}"),
    }
