"""Runs in tmux through the whole service. The CLI is the scripted stand-in's terminal UI."""

from __future__ import annotations

import shutil

import pytest

from tests.conftest import ModuleService, Service

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


@pytest.fixture(scope="module")
def live(module_service: ModuleService) -> Service:
    service = module_service(tmux={})
    service.register("one", commMode="tmux")
    return service


def test_a_prompt_is_answered(live: Service) -> None:
    run = live.run("hello", "one").json()
    assert (run["status"], run["content"]) == ("succeeded", "echo: hello"), run
    assert (run["route"]["mode"], run["form"]) == ("tmux", "terminal")
    again = live.run("again", "one").json()
    assert again["content"] == "echo: again"
    assert again["sessionId"] == run["sessionId"]
