"""Words that several CLIs and libraries use, and that alone say little: the last to count."""

from __future__ import annotations

from agent_runner.agents.wordings.row import Wording
from conversation_store.codes import FailureCode as Code

_NODE = "https://nodejs.org/api/errors.html"
_SHIM = "choose a version for the agent's folder, or set `programs` to the program itself"
_BROKEN = "install the CLI anew: an update broke off, or its install scripts were not run"
_SHELL = "https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html"
_NEEDS = "install what the program needs, or have it in the service's PATH"
_BETWEEN = (
    "something between answered in place of the model's service: check the proxy, the firewall and "
    "the base URL (ANTHROPIC_BASE_URL and its like)"
)
_HTTP = "https://www.rfc-editor.org/rfc/rfc9110.html"

_MESSAGES = "https://docs.anthropic.com/en/api/messages"
_OF_HISTORY = (Code.INVALID_REQUEST, Code.API_ERROR)

WORDINGS = (
    # --- a history that the model's service refuses, whatever the next prompt is -----------------
    Wording("messages.2: `tool_use` ids were found without `tool_result` blocks immediately after",
            r"tool_use.{0,80}without.{0,40}tool_result|unexpected .{0,4}tool_use_id"
            r"|tool_result.{0,80}corresponding.{0,20}tool_use", Code.SESSION_BROKEN, _MESSAGES, 400,
            _OF_HISTORY),
    Wording("messages.5.content.0: `thinking` blocks in the latest assistant message cannot be "
            "modified", r"thinking.{0,120}cannot be modified|messages\.\d+(\.content)?\b",
            Code.SESSION_BROKEN, _MESSAGES, 400, _OF_HISTORY),
    Wording("Please ensure that function call turn comes immediately after a user turn",
            r"function (call|response) turn comes immediately|number of function response parts",
            Code.SESSION_BROKEN, "https://ai.google.dev/gemini-api/docs/function-calling", 400,
            _OF_HISTORY),
    Wording("An assistant message with 'tool_calls' must be followed by tool messages",
            r"tool_calls.{0,20} must be followed by|no tool output found for function call",
            Code.SESSION_BROKEN, "https://platform.openai.com/docs/guides/function-calling", 400,
            _OF_HISTORY),
    # --- programs that only stand for another one ----------------------------------------------
    Wording("No version is set for command claude", r"no version is set for (command|shim)",
            Code.CLI_NOT_FOUND, "https://asdf-vm.com/guide/getting-started.html", hint=_SHIM),
    Wording("mise ERROR claude is not a valid shim.", r"is not a valid shim", Code.CLI_NOT_FOUND,
            "https://mise.jdx.dev/dev-tools/shims.html", hint=_SHIM),
    Wording("The `claude' command exists in these Node versions:",
            r"command exists in these \w+ versions", Code.CLI_NOT_FOUND,
            "https://github.com/nodenv/nodenv", hint=_SHIM),
    Wording("Volta error: Could not find executable \"claude\"",
            r"could not find executable \"|volta error: node is not available", Code.CLI_NOT_FOUND,
            "https://docs.volta.sh/guide/understanding", hint=_SHIM),
    Wording("sh: 1: claude: not found",
            r"\b(claude|gemini|droid|codex): (command )?not found", Code.CLI_NOT_FOUND, _SHELL,
            hint="what `programs` names only calls another program, which is not there: install "
            "that, or set `programs` to it"),
    Wording("/usr/bin/env: 'node': No such file or directory",
            r"\benv: .{1,60}: no such file or directory"
            r"|\b(node|bun|deno|python3?): (command )?not found", Code.SPAWN_FAILED, _SHELL,
            hint=_NEEDS),
    Wording("Error: claude native binary not installed.",
            r"native binary (was )?not (installed|found)|postinstall did not run",
            Code.CLI_NOT_FOUND, "https://github.com/anthropics/claude-code/issues/50270",
            hint=_BROKEN),
    Wording("Error: Cannot find module '/usr/lib/node_modules/@google/gemini-cli/dist/index.js'",
            r"cannot find (module|package) '.{0,200}(claude|gemini|droid|factory)",
            Code.SPAWN_FAILED, _NODE, hint=_BROKEN),
    Wording("SyntaxError: Unexpected end of input",
            r"syntaxerror: (unexpected end of input|invalid or unexpected token)",
            Code.SPAWN_FAILED, _NODE, hint=_BROKEN),
    # --- another than the model's service answers ---------------------------------------------
    Wording("407 Proxy Authentication Required", r"proxy authentication required",
            Code.CONNECTION_FAILED, _HTTP, 407, (Code.AUTH_REQUIRED,),
            "the proxy wants a login: give one in HTTPS_PROXY of the agent's `env`"),
    Wording("403 <html><head><title>403 Forbidden</title></head>",
            r"\b40[347]\b.{0,40}<(!doctype |html)|<html.{0,1500}"
            r"(forbidden|access denied|just a moment|attention required|blocked)"
            r"|\b404 page not found", Code.CONNECTION_FAILED, _HTTP, 403,
            (Code.AUTH_REQUIRED, Code.MODEL_NOT_FOUND), _BETWEEN),
    Wording("this exceeds the model's context",
            r"exceeds? the .{0,30}context|context (window|length) (is |was )?(exceeded|too)"
            r"|input token count", Code.CONTEXT_TOO_LONG, _HTTP),
    Wording("rejected by content moderation", r"content moderati", Code.REFUSED, _HTTP),
    Wording("authentication failed",
            r"authentication (failed|required)|failed to authenticate|unauthorized"
            r"|unauthenticated", Code.AUTH_REQUIRED, _HTTP, 401),
    Wording("no prompt provided", r"no prompt provided|prompt is required", Code.NO_INPUT,
            "parsers of command lines"),
    Wording("error: unknown option '--nope'",
            r"unknown option|unknown argument|unknown command|invalid --|not enough arguments"
            r"|option .{0,80} (argument missing|is invalid)|allowed choices|invalid values",
            Code.CLI_USAGE, "parsers of command lines"),
    Wording("invalid model", r"invalid model", Code.MODEL_NOT_FOUND, _HTTP),
    Wording("Overloaded", r"overloaded", Code.OVERLOADED, _HTTP),
    Wording("Too Many Requests", r"rate.?limit|too many requests|hit your .{0,20}limit|quota",
            Code.RATE_LIMITED, _HTTP, 429),
    Wording("Payment Required: see Plans & Billing",
            r"payment required|billing|credit balance|usage.exhausted", Code.BILLING, _HTTP, 402),
    Wording("connect ECONNREFUSED 127.0.0.1:1",
            r"econnrefused|econnreset|enotfound|etimedout|eai_again|api error: terminated"
            r"|connection (error|refused|reset)|fetch failed|socket hang up"
            r"|unable to connect|network error|incomplete json segment|premature close"
            r"|request timed out|stream idle timeout|ehostunreach|enetunreach|\bepipe\b"
            r"|certificate (verification failed|has expired)|cert_has_expired"
            r"|self.signed.cert(ificate)?|unable to verify the first certificate"
            r"|local.issuer.cert(ificate)?|unable_to_verify_leaf|ssl routines",
            Code.CONNECTION_FAILED, _NODE),
)  # fmt: skip
