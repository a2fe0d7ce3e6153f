"""Gemini CLI: errors of the model API, of the login and of the command line."""

from __future__ import annotations

from agent_runner.agents.base import Form
from agent_runner.recorder.cases.case import Case, Eof, Prompt, When, oneshot
from agent_runner.recorder.cases.shared import HELLO, fails, text
from agent_runner.recorder.models import Cut, Http, Reply, Text

_UNTRUSTED = """{
 "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": true}},
 "privacy": {"usageStatisticsEnabled": false}, "general": {"enableAutoUpdate": false}
}
"""


def _http(status: int, about: str, exit: int, *, slow: bool = False) -> Case:  # noqa: A002
    return Case(
        name=f"http-{status}",
        about=about,
        steps=oneshot(),
        replies=(fails(status),),
        exit=exit,
        within=600 if slow else 60,
        slow=slow,
    )


def _warm_http(status: int, about: str) -> Case:
    return Case(
        name=f"warm-http-{status}",
        about=about,
        form=Form.WARM,
        steps=(
            Prompt("hello"),
            Prompt("again", When(line='"error":')),
            Eof(When(line='"stopReason"')),
        ),
        replies=(Reply([Http(status)]), text("Still here.")),
        expect=("Still here.",),
        exit=None,
    )


FAILURES = (
    _http(400, "the request is bad", 144),
    _http(401, "the key is bad", 145),
    _http(403, "the key may not", 147),
    _http(404, "the model does not exist", 1),
    _http(429, "too many requests, every time", 173, slow=True),
    _http(500, "the API fails every time", 244, slow=True),
    _http(503, "the API is overloaded every time", 247, slow=True),
    _warm_http(400, "a bad request in a warm process, which lives on"),
    _warm_http(401, "a bad key in a warm process, which lives on"),
    _warm_http(403, "a forbidden key in a warm process, which lives on"),
    Case(
        name="http-500-recovered",
        about="one failure, then an answer",
        steps=oneshot(),
        replies=(Reply([Http(500)]), HELLO),
        expect=("from the ",),
    ),
    Case(
        name="not-logged-in",
        about="no key",
        steps=oneshot(),
        env={"GEMINI_API_KEY": None},
        exit=41,
    ),
    Case(
        name="no-auth-method",
        about="no key and no way to log in chosen",
        steps=oneshot(),
        env={"GEMINI_API_KEY": None},
        home_files={".gemini/settings.json": "{}\n"},
        exit=41,
    ),
    Case(
        name="untrusted-folder",
        about="folder trust is on and the folder is not trusted",
        steps=oneshot(),
        env={"GEMINI_CLI_TRUST_WORKSPACE": None},
        home_files={".gemini/settings.json": _UNTRUSTED},
        exit=None,
    ),
    Case(
        name="model-unknown",
        about="a model name that the API does not know",
        steps=oneshot(),
        options={"model": "no-such-model"},
        replies=(fails(404, "models/no-such-model is not found"),),
        exit=1,
    ),
    Case(
        name="cut",
        about="the connection breaks once in mid-stream: the CLI gives up",
        steps=oneshot(),
        replies=(Reply([Text("Before the cut. "), Cut()]), text("After the cut.")),
        exit=1,
    ),
    Case(
        name="cut-always",
        about="the stream breaks off every time",
        steps=oneshot(),
        replies=(Reply([Text("Before the cut. "), Cut()], times=0),),
        exit=None,
        within=120,
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
        expect=("Unknown argument",),
        exit=1,
    ),
)
