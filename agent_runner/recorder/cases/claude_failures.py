"""Claude Code: errors of the model API and of the login."""

from __future__ import annotations

from agent_runner.agents.base import Form
from agent_runner.recorder.cases.case import Case, Eof, Prompt, When, oneshot
from agent_runner.recorder.cases.shared import HELLO, fails, text
from agent_runner.recorder.models import Cut, Http, Reply, StreamError, Text

_ONE_RETRY: dict[str, str | None] = {"CLAUDE_CODE_MAX_RETRIES": "1"}


def _http(status: int, about: str, *expect: str) -> Case:
    return Case(
        name=f"http-{status}",
        about=about,
        steps=oneshot(),
        env=_ONE_RETRY,
        replies=(fails(status),),
        expect=('"is_error":true', *expect),
        exit=1,
    )


FAILURES = (
    _http(400, "the request is bad"),
    _http(401, "the key is bad"),
    _http(403, "the key may not"),
    _http(404, "the model does not exist"),
    _http(413, "the request is too large"),
    _http(429, "too many requests", "rate_limit"),
    _http(500, "the API fails"),
    _http(503, "the API is unavailable"),
    _http(529, "the API is overloaded", "overloaded"),
    Case(
        name="http-500-recovered",
        about="two failures, each with its retry line, then an answer",
        steps=oneshot(),
        replies=(Reply([Http(500)], times=2), HELLO),
        expect=("api_retry", "Hello from the model."),
    ),
    Case(
        name="http-429-warm",
        about="a warm process survives a failed turn",
        form=Form.WARM,
        env=_ONE_RETRY,
        steps=(Prompt("hello"), Eof(When(event="turn.completed"))),
        replies=(fails(429),),
        exit=None,
    ),
    Case(
        name="prompt-too-long",
        about="the conversation does not fit the model",
        steps=oneshot(),
        env=_ONE_RETRY,
        replies=(fails(400, "prompt is too long: 250000 tokens > 200000 maximum"),),
        expect=("Prompt is too long",),
        exit=1,
    ),
    Case(
        name="credit-balance",
        about="no money left",
        steps=oneshot(),
        env=_ONE_RETRY,
        replies=(fails(400, "Your credit balance is too low to access the Anthropic API."),),
        expect=("billing_error",),
        exit=1,
    ),
    Case(
        name="not-logged-in",
        about="no key and no login",
        steps=oneshot(),
        env={"ANTHROPIC_API_KEY": None},
        expect=("Not logged in",),
        exit=1,
    ),
    Case(
        name="model-unknown",
        about="a model name that the API does not know",
        steps=oneshot(),
        options={"model": "no-such-model"},
        env=_ONE_RETRY,
        replies=(fails(404, "model: no-such-model"),),
        expect=("model_not_found",),
        exit=1,
    ),
    Case(
        name="connection-refused",
        about="nobody listens where the API should be",
        steps=oneshot(),
        env={"ANTHROPIC_BASE_URL": "http://127.0.0.1:9", **_ONE_RETRY},
        expect=('"is_error":true',),
        exit=1,
    ),
    Case(
        name="cut",
        about="the stream breaks off once; the CLI asks again without streaming",
        steps=oneshot(),
        env=_ONE_RETRY,
        replies=(Reply([Text("Before the cut. "), Cut()]), text("After the cut.")),
        expect=("After the cut.",),
    ),
    Case(
        name="cut-always",
        about="the stream breaks off every time",
        steps=oneshot(),
        env=_ONE_RETRY,
        replies=(Reply([Text("Before the cut. "), Cut()], times=0),),
        exit=None,
        within=120,
    ),
    Case(
        name="stream-error",
        about="an error event inside the stream, every time",
        steps=oneshot(),
        env=_ONE_RETRY,
        replies=(
            Reply([Text("Before. "), StreamError("overloaded_error", "Overloaded")], times=0),
        ),
        exit=None,
        within=120,
    ),
    Case(
        name="cut-clean",
        about="the stream ends early but in good order, once",
        steps=oneshot(),
        env=_ONE_RETRY,
        replies=(Reply([Text("Before the cut. "), Cut(clean=True)]), text("After the cut.")),
        exit=None,
        within=200,
    ),
    Case(
        name="usage-error",
        about="an option the CLI does not know",
        steps=oneshot(),
        options={"extraArgs": ["--no-such-option"]},
        expect=("unknown option",),
        exit=1,
    ),
)
