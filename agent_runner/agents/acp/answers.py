"""What ACP's answers mean, and how it wants its MCP servers."""

from __future__ import annotations

from typing import Any

from agent_runner.agents.acp import schema as acp
from agent_runner.agents.failures import code_for, code_for_text
from agent_runner.agents.flags import names_and_values
from agent_runner.agents.json_rpc import RpcError
from agent_runner.decoding.decode import whole
from agent_runner.errors import BadRequestError
from agent_runner.events.usage import Usage
from conversation_store.codes import FailureCode

AUTH_REQUIRED = -32000
_OUR_FAULT = (-32700, -32600, -32601, -32602)
"""JSON-RPC's codes for a request that is wrong; -32603 is the agent's own error."""

STOP_REASONS = {
    "cancelled": FailureCode.INTERRUPTED,
    "max_turn_requests": FailureCode.MAX_TURNS,
    "max_tokens": FailureCode.MAX_OUTPUT,
    "refusal": FailureCode.REFUSED,
    # Not in the protocol.
    "canceled": FailureCode.INTERRUPTED,
    "error": FailureCode.CLI_ERROR,
    "failed": FailureCode.CLI_ERROR,
}


_TOKENS = {
    "input_tokens": "inputTokens",
    "output_tokens": "outputTokens",
    "cache_read_tokens": "cachedReadTokens",
    "cache_write_tokens": "cachedWriteTokens",
    "reasoning_tokens": "thoughtTokens",
}


def mcp_servers(servers: dict[str, dict[str, Any]] | None) -> list[dict[str, Any]]:
    """MCP servers as ACP wants them, from the usual `{name: {command, args, env} | {url}}`."""
    result: list[dict[str, Any]] = []
    for name, server in (servers or {}).items():
        if "url" in server:
            result.append(
                {
                    "type": server.get("type", "http"),
                    "name": name,
                    "url": server["url"],
                    "headers": names_and_values(server.get("headers"), f"headers of {name[:80]!r}"),
                }
            )
        elif "command" in server:
            result.append(
                {
                    "name": name,
                    "command": server["command"],
                    "args": server.get("args") or [],
                    "env": names_and_values(server.get("env"), f"env of {name[:80]!r}"),
                }
            )
        else:
            raise BadRequestError(
                "invalid_option", f"MCP server {name[:80]!r} has no command and no url"
            )
    return result


def failure_of(error: RpcError) -> FailureCode:
    """The code of an error answer, whose `code` may be an HTTP status."""
    if error.code == AUTH_REQUIRED:
        return FailureCode.AUTH_REQUIRED
    status = error.code if error.code is not None and error.code >= 400 else None
    code = code_for(status, error.message) if status else code_for_text(error.message)
    if code is None:
        wrong = error.code is None or error.code in _OUR_FAULT
        code = FailureCode.PROTOCOL_ERROR if wrong else FailureCode.CLI_ERROR
    return code


def takes_images(initialized: acp.Initialized) -> bool:
    """True if a prompt may hold images."""
    capabilities = initialized.agentCapabilities
    given = capabilities.promptCapabilities if capabilities is not None else None
    return isinstance(given, dict) and given.get("image") is True


def mode_of(opened: acp.SessionOpened) -> str | None:
    """The mode that a session is in."""
    return opened.modes.currentModeId if opened.modes else _option(opened, "mode")


def model_of(opened: acp.SessionOpened) -> str | None:
    """The model that a session asks."""
    return opened.models.currentModelId if opened.models else _option(opened, "model")


def _option(opened: acp.SessionOpened, category: str) -> str | None:
    """What is chosen of a session's options in a category."""
    options = opened.configOptions if isinstance(opened.configOptions, list) else []
    for option in options:
        if isinstance(option, dict) and option.get("category") == category:
            value = option.get("currentValue")
            return value if isinstance(value, str) else None
    return None


def usage_of(answer: acp.PromptEnded) -> tuple[Usage | None, str | None]:
    """The tokens of a turn, by the protocol or in `_meta.quota` (Gemini), there with its model."""
    if isinstance(answer.usage, dict) and answer.usage.get("totalTokens"):
        counts = {name: _number(answer.usage.get(key)) for name, key in _TOKENS.items()}
        return Usage(**counts), None
    quota = answer._meta.get("quota") if isinstance(answer._meta, dict) else None
    count = quota.get("token_count") if isinstance(quota, dict) else None
    if not isinstance(quota, dict) or not isinstance(count, dict):
        return None, None
    models = quota.get("model_usage")
    first = models[0] if isinstance(models, list) and len(models) == 1 else None
    model = first.get("model") if isinstance(first, dict) else None
    return (
        Usage(
            input_tokens=_number(count.get("input_tokens")),
            output_tokens=_number(count.get("output_tokens")),
        ),
        model if isinstance(model, str) else None,
    )


def _number(value: Any) -> int | None:
    return whole(value) if isinstance(value, int | float) else None
