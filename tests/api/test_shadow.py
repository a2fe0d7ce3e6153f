"""Shadow mode over HTTP and on the command line, and the gate before tmux is turned off."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest
from typer.testing import CliRunner

from agent_runner import wire
from agent_runner.cli.main import application
from agent_runner.errors import UnavailableError
from conversation_store.sqlite.store import open_store
from tests.conftest import ModuleService, Service, Serving
from tests.helpers.rows import add_agent
from tests.helpers.shadow_history import history, seed

SELF = {"primary": "headless", "against": "self", "self_share": 0.0}


def today() -> str:
    return wire.now()[:10]


def seed_state(folder: Path, **asked: Any) -> None:
    """A month up to today in the database of a state folder."""
    yesterday = wire.later(wire.now(), -86_400)[:10]

    async def go() -> None:
        async with open_store(folder / "agent-runner.db") as store:
            await add_agent(store, "seeded")
            comparisons = history(last_day=yesterday, **asked)
            await seed(store, comparisons, "seeded")

    folder.mkdir(mode=0o700, exist_ok=True)
    anyio.run(go)


def command(service: Service, *words: str) -> tuple[int, str]:
    env = {"AGENT_RUNNER_URL": service.url, "AGENT_RUNNER_TOKEN": service.token}
    done = CliRunner().invoke(application(["shadow"]), ["shadow", *words], env=env)
    return done.exit_code, done.output


@pytest.fixture(scope="module")
def seeded(module_service: ModuleService) -> Service:
    service = module_service(shadow={"criteria": {"least_comparisons": 40}})
    service.stop()
    seed_state(service.state_dir, days=29, per_day=2, mismatches=0.6, failures=0.1)
    service.start()
    return service


def test_a_month_over_http(seeded: Service) -> None:
    with seeded.client() as client:
        base = "/api/shadow-mode"
        figures = client.get(f"{base}/metrics").json()
        assert figures["comparisons"] == 58
        assert len(figures["days"]) == 29
        assert client.get(f"{base}/metrics?agentId=nobody").json()["comparisons"] == 0
        assert client.get(f"{base}/metrics?type=gemini").json()["comparisons"] == 0
        assert client.get(f"{base}/metrics?since={today()}").json()["comparisons"] == 0
        wrong = client.get(f"{base}/mismatches?limit=3").json()
        assert len(wrong["comparisons"]) == 3
        assert {one["verdict"] for one in wrong["comparisons"]} == {"mismatch"}
        more = client.get(f"{base}/mismatches?before={wrong['nextBefore']}").json()
        seen = {one["comparisonId"] for one in wrong["comparisons"]}
        assert seen.isdisjoint(one["comparisonId"] for one in more["comparisons"])
        detail = client.get(f"{base}/comparisons/{min(seen)}").json()
        assert detail["outputDiff"].startswith("--- primary\n+++ mirror\n")
        assert detail["primary"]["diff"]
        failed = client.get(f"{base}/failures").json()["comparisons"]
        assert {one["verdict"] for one in failed} == {"mirror_failed"}
        assert client.get(f"{base}/comparisons/none").json()["code"] == "comparison_not_found"
        for bad in ("since=yesterday", "limit=0", "until=9999-99-99"):
            answer = client.get(f"{base}/mismatches?{bad}")
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")


@pytest.mark.parametrize(
    ("query", "accept", "kind"),
    [
        ("", "*/*", "application/json"),
        ("", "text/html,application/xhtml+xml", "text/html"),
        ("", "text/markdown", "text/markdown"),
        ("?format=md", "text/html", "text/markdown"),
        ("?format=html", "*/*", "text/html"),
    ],
)
def test_the_report_in_each_form(seeded: Service, query: str, accept: str, kind: str) -> None:
    with seeded.client(Accept=accept) as client:
        answer = client.get(f"/api/shadow-mode/report{query}")
    assert answer.headers["content-type"].partition(";")[0] == kind
    if kind == "text/html":
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "<svg" in answer.text
    if kind == "application/json":
        assert len(answer.json()["worst"]) == 20


def test_a_form_that_there_is_not(seeded: Service) -> None:
    with seeded.client() as client:
        assert client.get("/api/shadow-mode/report?format=pdf").status_code == 400


def test_the_commands(seeded: Service, tmp_path: Path) -> None:
    code, said = command(seeded, "criteria")
    assert (code, said.splitlines()[0]) == (1, "Not yet.")
    assert "the next" in said
    code, said = command(seeded, "criteria", "--json")
    assert (code, json.loads(said)["ready"]) == (1, False)
    code, said = command(seeded, "report")
    assert code == 0
    assert said.startswith("# Shadow report")
    page = tmp_path / "report.html"
    assert command(seeded, "report", "--format", "html", "-o", str(page))[0] == 0
    assert page.read_text().startswith("<!doctype html>")
    assert command(seeded, "report", "--json")[0] == 0
    code, said = command(seeded, "mismatches", "--limit", "2")
    assert len(said.splitlines()) == 3
    shown = said.splitlines()[1].split()[0]
    code, said = command(seeded, "show", shown)
    assert code == 0
    assert "+I cannot find that file." in said
    assert command(seeded, "show", "none")[0] == 1
    assert "mirror_failed" in command(seeded, "failures")[1]
    code, said = command(seeded, "failures", "--agent", "nobody")
    assert "commMode shadow" in said


def test_empty_states_say_what_to_do(service: Service) -> None:
    for words in (["mismatches"], ["failures"], ["report"], ["criteria"]):
        code, said = command(service, *words)
        assert "commMode shadow" in said, words
        assert code == (words == ["criteria"])


def test_a_good_month_is_ready(make_service: Any, tmp_path: Path) -> None:
    seed_state(tmp_path / "state", days=22, per_day=5, mismatches=0.0, failures=0.0)
    service = make_service(shadow={"criteria": {"least_comparisons": 80}})
    assert command(service, "criteria")[0] == 0


@pytest.mark.anyio
async def test_tmux_cannot_be_turned_off_too_early(serving: Serving) -> None:
    with pytest.raises(BaseExceptionGroup) as caught:
        async with serving(tmux={"enabled": False}):
            pass
    assert caught.group_contains(UnavailableError, match="has not shown")


@pytest.mark.anyio
async def test_tmux_can_be_turned_off_for_a_reason(serving: Serving) -> None:
    async with serving(tmux={"enabled": False, "disabled_because": "a machine without it"}):
        pass


def test_the_gate_as_operators_meet_it(make_service: Any, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="tmux_still_needed"):
        make_service(tmux={"enabled": False})
    seed_state(tmp_path / "state", days=22, per_day=5, mismatches=0.0, failures=0.0)
    make_service(tmux={"enabled": False}, shadow={"criteria": {"least_comparisons": 80}})
