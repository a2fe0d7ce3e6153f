"""Runs in tmux through the whole service. The CLI is the scripted stand-in's terminal UI."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.test_commands import call
from tests.conftest import ModuleService, Service
from tests.helpers.frames import data_of, replayed

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


@pytest.mark.parametrize("prompt", ["exit", " quit ", ":q!", "/model"])
def test_a_word_of_the_ui_is_refused_at_once(live: Service, prompt: str) -> None:
    answer = live.run(prompt, "one")
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "prompt_refused"), problem
    assert "headless" in problem["hint"]
    assert live.run("go on", "one").json()["content"] == "echo: go on"


@pytest.mark.parametrize("prompt", ["ends in \\", "two \\\\", "a line\\\n"])
def test_a_prompt_that_the_submit_key_would_change(live: Service, prompt: str) -> None:
    run = live.run(prompt, "one").json()
    assert run["content"] == f"echo: {prompt.rstrip()}"


def test_a_ui_that_takes_no_prompt_is_replaced(live: Service, tmp_path: Path) -> None:
    """What covers it cannot be left; the conversation goes on in another one."""
    env = {"SCRIPTED_UI": '{"sticky": true}', "CLAUDE_CONFIG_DIR": str(tmp_path)}
    live.register("stuck", commMode="tmux", env=env)
    first = live.run("one", "stuck").json()
    with live.client() as client:
        shown = client.get("/agents/stuck/terminal").json()
    words = ["tmux", "-S", "t", "send-keys", "-t", shown["session"], "C-o"]
    subprocess.run(words, cwd=Path(shown["socket"]).parent, check=True)
    second = live.run("two", "stuck").json()
    assert (second["status"], second["content"]) == ("succeeded", "echo: two"), second
    assert second["sessionId"] == first["sessionId"]
    with live.client() as client:
        conversation = client.get(f"/conversations/{second['conversationId']}").json()
        last = conversation["conversation"]["lastEventSeq"]
        events = map(data_of, replayed(client, second["conversationId"], last))
        replaced = [event for event in events if event.get("code") == "ui_replaced"]
        assert [event["runId"] for event in replaced] == [second["runId"]]
        assert client.get("/agents/stuck/terminal").json()["pid"] != shown["pid"]


class TestLongPath:
    """A state folder whose name is longer than a unix socket's may be (107 bytes)."""

    @pytest.fixture
    def tmp_path(self, tmp_path: Path) -> Path:
        longer = tmp_path / ("long-" * 24)
        longer.mkdir()
        return longer

    def test_it_runs_and_can_be_looked_at(self, make_service: Callable[..., Service]) -> None:
        service = make_service(tmux={})
        service.register("one", commMode="tmux")
        assert len(str(service.state_dir)) > 107
        assert service.run("hello", "one").json()["content"] == "echo: hello"
        with service.client() as client:
            shown = client.get("/agents/one/terminal").json()
        assert "echo: hello" in shown["text"]
        assert len(shown["socket"]) > 107
        code, out, _ = call(service, "attach", "one", "--show")
        assert code == 0
        assert "echo: hello" in out
