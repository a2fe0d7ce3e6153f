"""Runs in tmux through the whole service. The CLI is the scripted stand-in's terminal UI."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.test_commands import call
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
