"""Claude Code and the Claude API."""

from __future__ import annotations

from agent_runner.agents.wordings.row import Wording
from conversation_store.codes import FailureCode as Code

_CLI = "https://code.claude.com/docs/en/errors"
_API = "https://platform.claude.com/docs/en/api/errors"
_ISSUES = "https://github.com/anthropics/claude-code/issues"
_RECORDED = "fixtures/claude-code/2.1.197"

_ANOTHER_LOGIN = (
    "take the key out of the service's environment and the agent's `env` if it belongs to that "
    "organization, log in with another account, or ask the organization's admin"
)
_ADMIN = "ask the organization's admin for usage, or log in with another account"
_CREDITS = "add usage credits in the account's settings, or wait until the plan's limit resets"

WORDINGS = (
    # --- limits that reset -------------------------------------------------------------------
    Wording("Claude usage limit reached. Your limit will reset at 5pm (Europe/Warsaw).",
            r"limit will reset", Code.RATE_LIMITED, f"{_ISSUES}/6119"),
    Wording("Claude AI usage limit reached|1764547200", r"usage limit reached",
            Code.RATE_LIMITED, f"{_ISSUES}/9046"),
    Wording("5-hour limit reached ∙ resets 3pm",
            r"(5-hour|five-hour|session|weekly|daily|monthly|opus|sonnet) limit reached",
            Code.RATE_LIMITED, f"{_ISSUES}/9046"),
    Wording("Spending cap reached resets 1am",
            r"\b(limit|cap) reached\b.{0,10}resets"
            r"|(spend(ing)?|usage) (cap|limit)s? (reached|exceeded|resets?\b)", Code.RATE_LIMITED,
            f"{_ISSUES}/9046"),
    Wording("You've hit your limit · resets Feb 7, 11am (Asia/Seoul)",
            r"you.ve hit your limit", Code.RATE_LIMITED, f"{_ISSUES}/22976", 429),
    Wording("You've hit your session limit · resets 12:50pm (Europe/Paris)",
            r"you.ve (hit|reached) your .{0,40}limit", Code.RATE_LIMITED, _CLI, 429),
    Wording("You're out of extra usage · resets 8pm (America/New_York)",
            r"out of (extra usage|usage credits).{0,20}resets", Code.RATE_LIMITED,
            f"{_ISSUES}/22603", 429, (Code.BILLING,)),
    Wording("You have reached your specified API usage limits. You will regain access on "
            "2026-04-01 at 00:00 UTC.", r"reached your specified .{0,20}usage limits",
            Code.RATE_LIMITED, f"{_ISSUES}/38035", 400, (Code.BILLING,),
            "raise the spend limit that was set in the Claude Console, or wait until it resets"),
    Wording("This request would exceed your account's rate limit. Please try again later.",
            r"would exceed .{0,40}rate limit", Code.RATE_LIMITED, _API, 429),
    # --- what waiting does not settle ----------------------------------------------------------
    Wording("You're out of extra usage. Add more at claude.ai/settings/usage and keep going.",
            r"out of (extra usage|usage credits).{0,5}(add|ask)|draw from your extra usage",
            Code.BILLING, f"{_ISSUES}/45192", 400, (Code.RATE_LIMITED,), _CREDITS),
    Wording("You're out of extra usage", r"out of (extra usage|usage credits)", Code.RATE_LIMITED,
            _CLI, 429, (), _CREDITS),
    Wording("Your group's usage limit is set to $0 · ask your admin for a higher limit",
            r"usage limit is set to", Code.BILLING, _CLI, 429, (Code.RATE_LIMITED,), _ADMIN),
    Wording("Your usage allocation has been disabled by your admin",
            r"usage allocation has been disabled", Code.BILLING, _CLI, 429, (Code.RATE_LIMITED,),
            _ADMIN),
    Wording("Your seat type doesn't include usage credits", r"seat type doesn.t include",
            Code.BILLING, _CLI, 429, (Code.RATE_LIMITED,), _ADMIN),
    Wording("Your org is out of usage · contact your admin",
            r"org(aniz?sation)? is out of (extra )?usage", Code.BILLING, _CLI, 429,
            (Code.RATE_LIMITED,), _ADMIN),
    Wording("This service is disabled for your org", r"service is disabled for your org",
            Code.BILLING, _CLI, 429, (Code.RATE_LIMITED, Code.AUTH_REQUIRED), _ADMIN),
    Wording("Extra usage is required for long context requests.",
            r"(extra usage|usage credits) (is|are) required|requires (extra usage|usage credits)",
            Code.BILLING, f"{_ISSUES}/45192", 429, (Code.RATE_LIMITED,), _CREDITS),
    Wording("Your credit balance is too low to access the Anthropic API.",
            r"credit balance (is )?too low", Code.BILLING, f"{_RECORDED}/credit-balance", 400,
            (Code.RATE_LIMITED, Code.AUTH_REQUIRED)),
    # --- the account and its keys --------------------------------------------------------------
    Wording("API Error: 400 This organization has been disabled.",
            r"(organi[sz]ation|account) has been (disabled|suspended)|disabled organi[sz]ation",
            Code.AUTH_REQUIRED, _CLI, 400, (), _ANOTHER_LOGIN),
    Wording("Your organization has disabled API key authentication",
            r"organi[sz]ation (has )?(disabled|blocked|does not allow) .{0,40}"
            r"(api key|subscription|access)",
            Code.AUTH_REQUIRED, f"{_ISSUES}/66392", 403, (), _ANOTHER_LOGIN),
    Wording("API keys are disabled by your organization",
            r"api keys?\b.{0,60}\b(disabled|not allowed)", Code.AUTH_REQUIRED, f"{_ISSUES}/66392",
            403, (), _ANOTHER_LOGIN),
    Wording("OAuth authentication is currently not allowed for this organization.",
            r"not allowed for (this|your) organi[sz]ation",
            Code.AUTH_REQUIRED, f"{_ISSUES}/65714", 403, (), _ANOTHER_LOGIN),
    Wording("OAuth token has expired. Please obtain a new token or refresh your existing token.",
            r"oauth (token|session) (has |has been |was )?(expired|revoked)|login expired",
            Code.AUTH_REQUIRED, _CLI, 401),
    Wording("OAuth token does not meet scope requirement user:profile",
            r"does not meet scope requirement", Code.AUTH_REQUIRED, _CLI, 403),
    Wording("Not logged in · Please run /login", r"not logged in|please run /login",
            Code.AUTH_REQUIRED, f"{_RECORDED}/not-logged-in"),
    Wording("Invalid API key · Fix external API key", r"invalid (api key|x-api-key|bearer token)",
            Code.AUTH_REQUIRED, f"{_RECORDED}/http-401", 401),
    Wording("Your apiKeyHelper script is failing", r"apikeyhelper script is failing",
            Code.AUTH_REQUIRED, _CLI, None, (), "run the script of the CLI's setting apiKeyHelper "
            "by hand and mend it"),
    Wording("Your account does not have access to Claude. Please login again or contact your "
            "administrator.", r"does not have access to claude", Code.AUTH_REQUIRED, _CLI, 403),
    Wording("AWS credentials expired or invalid",
            r"aws (credentials|authentication).{0,20}(expired|invalid|failed)"
            r"|google cloud authentication failed|security token .{0,40}(expired|invalid)"
            r"|(could not load|unable to locate) (the default )?credentials"
            r"|sso (session|token).{0,60}(expired|invalid)", Code.AUTH_REQUIRED, _CLI, None, (),
            "renew the cloud provider's credentials for the user that the service runs as"),
    # --- the service, the request ----------------------------------------------------------------
    Wording("API Error: Server is temporarily limiting requests (not your usage limit)",
            r"temporarily limiting requests", Code.OVERLOADED, _CLI, 429, (Code.RATE_LIMITED,)),
    Wording("API Error: Repeated 529 Overloaded errors", r"529 overloaded", Code.OVERLOADED, _CLI,
            529),
    Wording("Prompt is too long", r"prompt is too long|conversation too long",
            Code.CONTEXT_TOO_LONG, f"{_RECORDED}/prompt-too-long", 400),
    Wording("input length and `max_tokens` exceed context limit: 190000 + 21333 > 200000",
            r"exceeds? context limit", Code.CONTEXT_TOO_LONG, _API, 400),
    Wording("Claude's response exceeded the 32000 output token maximum.",
            r"exceeded the .{0,20}output token maximum", Code.MAX_OUTPUT, _CLI, None, (),
            "ask for the answer in parts, or set CLAUDE_CODE_MAX_OUTPUT_TOKENS in the agent's "
            "`env`"),
    Wording("API Error: Claude Code is unable to respond to this request, which appears to "
            "violate our Usage Policy", r"safeguards flagged|violate our usage policy",
            Code.REFUSED, _CLI),
    Wording("There's an issue with the selected model (nope).", r"issue with the selected model",
            Code.MODEL_NOT_FOUND, f"{_RECORDED}/model-unknown", 404),
    Wording("Claude Opus is not available with the Claude Pro plan",
            r"not available with the claude .{0,20}plan", Code.MODEL_NOT_FOUND, _CLI, None,
            (Code.AUTH_REQUIRED,)),
    Wording("The provided model identifier is invalid.",
            r"model identifier is invalid|access to the model with the specified model"
            r"|on-demand throughput isn.t supported", Code.MODEL_NOT_FOUND,
            "https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html",
            400, (Code.AUTH_REQUIRED,)),
    # --- the CLI itself ---------------------------------------------------------------------------
    Wording("API Error: 400 due to tool use concurrency issues.", r"tool use concurrency issues",
            Code.SESSION_BROKEN, "printed by 2.1.329", 400, (Code.INVALID_REQUEST,)),
    Wording("No conversation found with session ID: x", r"no conversation found",
            Code.SESSION_NOT_FOUND, f"{_RECORDED}/session-unknown"),
    Wording("Error: Session ID x is already in use.", r"session id .{0,80} is already in use",
            Code.SESSION_IN_USE, "printed by 2.1.197"),
    Wording("Error: Input must be provided either through stdin or as a prompt argument",
            r"input must be provided", Code.NO_INPUT, f"{_RECORDED}/prompt-empty"),
    Wording("--dangerously-skip-permissions cannot be used with root/sudo privileges",
            r"cannot be used with root|requires --verbose|settings file not found|mcp config"
            r"|invalid session id\b(?!entifier)", Code.CLI_USAGE, "printed by 2.1.197"),
)  # fmt: skip
