"""The case lists are valid: they can be found, written down and repeated."""

from __future__ import annotations

import re

import msgspec
import pytest
from recorder.cases import SUITES, Case, Suite, cases_of
from recorder.cases.case import Prompt
from recorder.cases.habits import arranged
from recorder.driver import LONG_PROMPT
from recorder.manifest import find, load

from agent_runner.agents.base import AgentOptions, Form
from agent_runner.agents.registry import adapter_for
from agent_runner.errors import NotFoundError

ALL = [
    pytest.param(suite, case, id=f"{suite.agent}-{case.name}")
    for suite in SUITES.values()
    for case in suite.cases
]


@pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: suite.agent)
def test_a_suite_has_enough_cases_and_each_name_once(suite: Suite) -> None:
    names = [case.name for case in suite.cases]
    assert len(names) >= 25
    assert len(names) == len(set(names))
    slow = [case.slow for case in cases_of(suite, find(suite.agent).version)]
    assert slow == sorted(slow)


@pytest.mark.parametrize(("suite", "case"), ALL)
def test_a_case(suite: Suite, case: Case) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", case.name)
    assert case.about
    assert case.steps
    options = msgspec.convert({**suite.options, **case.options, "cwd": "/work"}, AgentOptions)
    adapter = adapter_for(suite.agent)
    assert case.form in (*adapter.forms, Form.TERMINAL)
    resume = case.resume or ("00000000-0000-4000-8000-000000000000" if case.first else None)
    adapter.launch(options, case.form, resume=resume, private_dir="/private")
    for step in case.steps:
        if isinstance(step, Prompt) and len(step.whole().encode()) > LONG_PROMPT:
            assert step.repeat.isascii()
    if case.argv:
        assert case.form is Form.ONE_SHOT


def test_a_difference_of_no_use_is_named() -> None:
    one, two = (Case(name=name, about="", steps=(Prompt(""),)) for name in ("one", "two"))
    found = arranged("two one", (one,), (two,), {"one": {"exit": 1}})
    assert [(case.name, case.exit) for case in found] == [("two", 0), ("one", 1)]
    with pytest.raises(ValueError, match="of no use: three, two"):
        arranged("one", (one,), (two,), {"three": {}})


def test_every_pinned_agent_has_a_suite() -> None:
    assert {cli.agent for cli in load()} == set(SUITES)


def test_the_first_entry_is_the_present_version() -> None:
    first = next(cli for cli in load() if cli.agent == "claude-code")
    assert find("claude-code") == first
    assert find("claude-code", "2.1.197").version == "2.1.197"
    with pytest.raises(NotFoundError, match="no pinned CLI gemini"):
        find("gemini", "0.0")
