"""Factory Droid: errors of the model API, of the login and of the command line."""

from __future__ import annotations

from agent_runner.agents.base import Form
from agent_runner.recorder.cases.case import Case, Eof, Prompt, When, oneshot
from agent_runner.recorder.cases.shared import HELLO, fails, text
from agent_runner.recorder.models import Cut, Http, Reply, StreamError, Text

_END = When(line="agent_turn_completed", within=300)


def _http(status: int, about: str, *, slow: bool = False) -> Case:
    return Case(
        name=f"http-{status}",
        about=about,
        steps=oneshot(),
        replies=(fails(status),),
        exit=1,
        within=400,
        slow=slow,
    )


def _warm_http(status: int, about: str) -> Case:
    return Case(
        name=f"warm-http-{status}",
        about=about,
        form=Form.WARM,
        steps=(Prompt("hello"), Eof(_END)),
        replies=(fails(status),),
        exit=None,
    )


FAILURES = (
    _http(400, "the request is bad"),
    _http(401, "the key is bad"),
    _http(403, "the key may not"),
    _http(404, "the model does not exist"),
    _http(429, "too many requests, every time", slow=True),
    _http(500, "the API fails every time", slow=True),
    _http(503, "the API is unavailable every time", slow=True),
    _http(529, "the API is overloaded every time", slow=True),
    _warm_http(400, "a bad request in a warm process"),
    _warm_http(401, "a bad key in a warm process"),
    _warm_http(429, "too many requests in a warm process: retries are told"),
    Case(
        name="warm-http-recovered",
        about="one failure, told as a retry, then an answer, then another turn",
        form=Form.WARM,
        steps=(Prompt("hello"), Prompt("again", _END), Eof(_END)),
        replies=(Reply([Http(529)]), HELLO, text("Still here.")),
        expect=("llm_retry", "Still here."),
        exit=None,
    ),
    Case(
        name="prompt-too-long",
        about="the conversation does not fit the model",
        steps=oneshot(),
        replies=(fails(400, "prompt is too long: 250000 tokens > 200000 maximum"),),
        exit=1,
        within=200,
    ),
    Case(
        name="not-logged-in",
        about="no login, no air gap and no network: with a model key of one's own it still runs",
        steps=oneshot(),
        env={"FACTORY_AIRGAP_ENABLED": None},
        exit=None,
        within=120,
    ),
    Case(
        name="model-none",
        about="no model chosen: in an air gap the CLI takes the custom one",
        steps=oneshot(),
        options={"model": None},
        exit=None,
        within=120,
    ),
    Case(
        name="model-unknown",
        about="a model that the CLI does not know",
        steps=oneshot(),
        options={"model": "custom:No-Such-Model-7"},
        exit=None,
    ),
    Case(
        name="connection-refused",
        about="nobody listens where the API should be",
        steps=oneshot(),
        home_files={
            ".factory/settings.json": '{"customModels": [{"model": "scripted", '
            '"displayName": "Scripted", "baseUrl": "http://127.0.0.1:9", "apiKey": "test", '
            '"provider": "anthropic", "maxOutputTokens": 8192}]}'
        },
        exit=1,
        within=300,
    ),
    Case(
        name="cut",
        about="the stream breaks off once",
        steps=oneshot(),
        replies=(Reply([Text("Before the cut. "), Cut()]), text("After the cut.")),
        exit=None,
        within=200,
    ),
    Case(
        name="cut-always",
        about="the stream breaks off every time",
        steps=oneshot(),
        replies=(Reply([Text("Before the cut. "), Cut()], times=0),),
        exit=None,
        within=300,
    ),
    Case(
        name="stream-error",
        about="an error event inside the stream, every time",
        steps=oneshot(),
        replies=(
            Reply([Text("Before. "), StreamError("overloaded_error", "Overloaded")], times=0),
        ),
        exit=None,
        within=300,
    ),
    Case(
        name="cut-clean",
        about="the stream ends early but in good order, once",
        steps=oneshot(),
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
