"""Gemini CLI and the Gemini API."""

from __future__ import annotations

from agent_runner.agents.wordings.row import Wording
from conversation_store.codes import FailureCode as Code

_API = "https://ai.google.dev/gemini-api/docs/troubleshooting"
_ISSUES = "https://github.com/google-gemini/gemini-cli/issues"
_RECORDED = "fixtures/gemini/0.61.0"

WORDINGS = (
    Wording("Quota exceeded for metric: generate_content_free_tier_requests, limit: 0, model: x",
            r"quota.{0,300}\blimit: 0\b", Code.RATE_LIMITED,
            "https://ai.google.dev/gemini-api/docs/rate-limits", 429, (),
            "the account's plan has no quota for this model: PATCH the agent's model, or enable "
            "billing for the key's project"),
    Wording("You exceeded your current quota, please check your plan and billing details. "
            "Please retry in 39.07s.", r"exceeded your current quota", Code.RATE_LIMITED,
            "https://ai.google.dev/gemini-api/docs/rate-limits", 429),
    Wording("You have exhausted your capacity on this model. Your quota will reset after 8h44m7s.",
            r"exhausted your (capacity|daily quota)", Code.RATE_LIMITED, f"{_ISSUES}/13004", 429),
    Wording("Quota exceeded for quota metric 'Gemini 2.5 Pro Requests'", r"quota exceeded for",
            Code.RATE_LIMITED, f"{_ISSUES}/10925", 429),
    Wording("Resource has been exhausted (e.g. check quota).", r"resource (has been )?exhausted",
            Code.RATE_LIMITED, f"{_ISSUES}/19976", 429),
    Wording("Your prepayment credits are depleted.", r"prepayment credits are depleted",
            Code.BILLING, "https://ai.google.dev/gemini-api/docs/billing", 429,
            (Code.RATE_LIMITED,)),
    Wording("This API method requires billing to be enabled.", r"requires billing to be enabled",
            Code.BILLING, "https://cloud.google.com/billing/docs/how-to/modify-project", 403,
            (Code.AUTH_REQUIRED,), "enable billing for the key's Google Cloud project"),
    Wording("Generative Language API has not been used in project 1 before or it is disabled.",
            r"api has not been used in project", Code.AUTH_REQUIRED,
            "https://cloud.google.com/apis/docs/getting-started", 403, (),
            "enable the API in the key's Google Cloud project; the error names the page"),
    Wording("Your current account is not eligible for Gemini Code Assist for individuals",
            r"not eligible for gemini code assist", Code.AUTH_REQUIRED, f"{_ISSUES}/3953", None, (),
            "set GEMINI_API_KEY, or log in with another account"),
    Wording("API key not valid. Please pass a valid API key.",
            r"api key (not valid|not found|expired|was reported as leaked)", Code.AUTH_REQUIRED,
            _API, 400),
    Wording("Please set an Auth method in your settings.json", r"set an auth method"
            r"|must specify the \S+ environment variable", Code.AUTH_REQUIRED,
            f"{_RECORDED}/not-logged-in"),
    Wording("This account requires setting the GOOGLE_CLOUD_PROJECT env var.",
            r"requires setting the GOOGLE_CLOUD_PROJECT", Code.AUTH_REQUIRED,
            "https://github.com/google-gemini/gemini-cli/blob/main/docs/get-started/authentication.md",
            None, (), "set GOOGLE_CLOUD_PROJECT in the agent's `env`"),
    Wording("User location is not supported for the API use.", r"location is not supported",
            Code.INVALID_REQUEST, _API, 400, (),
            "the provider does not serve this place: use another provider or a server elsewhere"),
    Wording("The model is overloaded. Please try again later.",
            r"model is overloaded|experiencing high demand", Code.OVERLOADED, _API, 503),
    Wording("The input token count (1200000) exceeds the maximum number of tokens allowed "
            "(1048576).", r"exceeds? the maximum number of tokens|input token count \(?\d",
            Code.CONTEXT_TOO_LONG, _API, 400),
    Wording("models/x is not found for API version v1beta",
            r"models?[ /].{0,80}not (found|available)", Code.MODEL_NOT_FOUND,
            f"{_RECORDED}/http-404", 404),
    Wording("The prompt was blocked due to safety", r"blocked due to safety", Code.REFUSED, _API),
    Wording("Gemini CLI is not running in a trusted directory.",
            r"not running in a trusted directory|untrusted (folder|workspace)",
            Code.UNTRUSTED_FOLDER, "printed by 0.61.0"),
    Wording("No input provided via stdin.", r"no input provided", Code.NO_INPUT,
            f"{_RECORDED}/prompt-empty"),
    Wording("Error resuming session: Invalid session identifier",
            r"error resuming session|invalid session identifier|no previous sessions found",
            Code.SESSION_NOT_FOUND, f"{_RECORDED}/session-unknown"),
    Wording("Maximum session turns exceeded", r"max(imum)? session turns|turn limit",
            Code.MAX_TURNS, "read in 0.61.0"),
)  # fmt: skip
