"""The terminal UI against a running service, its keys pressed by textual's pilot."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Input, RichLog, Static, TextArea

from agent_runner import wire
from agent_runner.client.events import Watcher
from agent_runner.tui.app import Tui
from tests.api.test_approvals import ApprovalRequest, decide, pending
from tests.conftest import Service
from tests.helpers.asking import COMMAND, ran
from tests.helpers.trial import LONGEST_S

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def opened(live: Service) -> AsyncIterator[tuple[Tui, Pilot[None]]]:
    async with Watcher(live.url, live.token) as watcher:
        app = Tui(watcher, by="ann")
        async with app.run_test(size=(140, 45)) as pilot:
            yield app, pilot


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    with anyio.fail_after(LONGEST_S):
        while not condition():
            await pilot.pause(0.01)


def question(app: Tui) -> str:
    return str(app.screen_stack[0].query_one("#question", Static).render())


def listed(app: Tui) -> int:
    return app.screen_stack[0].query_one("#approvals", DataTable).row_count


async def asking(live: Service, log: Path) -> ApprovalRequest:
    return await anyio.to_thread.run_sync(ApprovalRequest, live, log)


async def finish(asked: ApprovalRequest) -> dict[str, Any]:
    return await anyio.to_thread.run_sync(asked.finish)


async def test_a_approves_what_is_shown(live: Service, tmp_path: Path) -> None:
    async with opened(live) as (app, pilot):
        assert "Nothing waits" in question(app)
        asked = await asking(live, tmp_path / "log")
        await until(pilot, lambda: listed(app) == 1)
        await pilot.press("down")
        await until(pilot, lambda: "touch made.txt" in question(app))
        await pilot.press("a")
        await until(pilot, lambda: "approved by ann" in question(app))
        assert listed(app) == 0
        assert (await finish(asked))["content"] == "went on"
    assert ran(tmp_path / "log") == [COMMAND]
    with live.client() as client:
        record = client.get(f"/approvals/{asked.approval['approvalId']}").json()
    assert (record["decidedBy"], record["decidedVia"]) == ("ann", "tui")


async def test_r_rejects_with_a_reason(live: Service, tmp_path: Path) -> None:
    async with opened(live) as (app, pilot):
        asked = await asking(live, tmp_path / "log")
        await until(pilot, lambda: listed(app) == 1)
        await pilot.press("down", "r")
        await until(pilot, lambda: bool(app.screen.query(Input)))
        await pilot.press(*"not", "space", *"now", "enter")
        await until(pilot, lambda: "rejected by ann" in question(app))
        assert "not now" in question(app)
        await finish(asked)
    assert ran(tmp_path / "log") == []


async def test_e_changes_the_input(live: Service, tmp_path: Path) -> None:
    async with opened(live) as (app, pilot):
        asked = await asking(live, tmp_path / "log")
        await until(pilot, lambda: listed(app) == 1)
        await pilot.press("down", "e")
        await until(pilot, lambda: bool(app.screen.query(TextArea)))
        app.screen.query_one(TextArea).text = "not JSON"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "no JSON" in str(app.screen.query_one("#wrong").render()))
        app.screen.query_one(TextArea).text = '{"command": "touch other.txt"}'
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "approved by ann" in question(app))
        await finish(asked)
    assert ran(tmp_path / "log") == [{"command": "touch other.txt"}]


async def test_escape_decides_nothing(live: Service, tmp_path: Path) -> None:
    async with opened(live) as (app, pilot):
        asked = await asking(live, tmp_path / "log")
        await until(pilot, lambda: listed(app) == 1)
        for key in ("r", "e"):
            await pilot.press("down", key)
            await until(pilot, lambda: len(app.screen_stack) == 2)
            await pilot.press("escape")
            await until(pilot, lambda: len(app.screen_stack) == 1)
        assert len(pending(live)) == 1
        await pilot.press("x")
        with anyio.fail_after(LONGEST_S):
            while not pending(live)[0]["extensions"]:
                await pilot.pause(0.01)
        decide(live, asked.approval, decision="reject")
        await finish(asked)


async def test_a_key_never_hits_what_nobody_has_chosen(live: Service, tmp_path: Path) -> None:
    live.register("second")
    async with opened(live) as (app, pilot):
        first = await asking(live, tmp_path / "first")
        await until(pilot, lambda: listed(app) == 1)
        await pilot.press("a")
        await pilot.pause()
        assert len(pending(live)) == 1, "nothing was shown yet"
        assert "Choose one" in question(app)
        await pilot.press("down")
        await until(pilot, lambda: "touch made.txt" in question(app))
        second = await anyio.to_thread.run_sync(
            ApprovalRequest, live, tmp_path / "second", "second"
        )
        await until(pilot, lambda: listed(app) == 2)
        decide(live, first.approval, decision="reject", by="bob")
        await until(pilot, lambda: "rejected by bob" in question(app))
        # The cursor is on the other one now, which nobody has read.
        await pilot.press("a")
        await pilot.pause()
        assert [one["approvalId"] for one in pending(live)] == [second.approval["approvalId"]]
        await pilot.press("down", "a")
        await until(pilot, lambda: listed(app) == 0)
        await finish(first)
        await finish(second)
    assert ran(tmp_path / "first") == []
    assert ran(tmp_path / "second") == [COMMAND]


async def test_runs_and_their_output(live: Service, tmp_path: Path) -> None:
    async with opened(live) as (app, pilot):
        asked = await asking(live, tmp_path / "log")
        runs = app.query_one("#runs", DataTable)
        await until(pilot, lambda: "worker" in {str(key.value) for key in runs.rows})
        await until(pilot, lambda: str(runs.get_row("worker")[1]) == "waits")
        assert str(runs.get_row("worker")[2]).startswith(("permission", "approval"))
        runs.focus()
        runs.move_cursor(row=runs.get_row_index("worker"))
        await pilot.press("enter")
        output = app.query_one("#output", RichLog)
        await until(pilot, lambda: any("waits:" in line.text for line in output.lines))
        decide(live, asked.approval)
        await until(pilot, lambda: any("went on" in line.text for line in output.lines))
        await finish(asked)


async def test_the_output_goes_on_in_the_agents_next_conversation(
    live: Service, tmp_path: Path
) -> None:
    live.register("talker")
    async with opened(live) as (app, pilot):
        runs = app.query_one("#runs", DataTable)
        output = app.query_one("#output", RichLog)

        async def shows(text: str) -> None:
            await until(pilot, lambda: any(text in line.text for line in output.lines))

        await until(pilot, lambda: "talker" in {str(key.value) for key in runs.rows})
        runs.focus()
        runs.move_cursor(row=runs.get_row_index("talker"))
        await pilot.press("enter")
        await shows("no conversation yet")
        for text in ("first words", "second words"):
            gate = tmp_path / text
            script: list[dict[str, Any]] = [{"text": text}, {"wait": str(gate)}]
            runner = threading.Thread(target=live.run, args=(script, "talker"))
            runner.start()
            await shows(f"> {json.dumps(script)[:20]}")
            gate.touch()
            await shows(text)
            await anyio.to_thread.run_sync(runner.join)
            with live.client() as client:
                client.post("/agents/talker/end-session", json={})


async def test_all_that_waits_is_listed_and_its_time_goes_by(
    live: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_runner.tui.app._PAGE", 1)
    live.register("second")
    asked = [
        await asking(live, tmp_path / "first"),
        await anyio.to_thread.run_sync(ApprovalRequest, live, tmp_path / "second", "second"),
    ]
    async with opened(live) as (app, pilot):
        await until(pilot, lambda: listed(app) == 2)
        table = app.query_one("#approvals", DataTable)
        for approval in app._approvals.values():
            approval["expiresAt"] = wire.later(wire.now(), 90)
        await until(pilot, lambda: {str(cell) for cell in table.get_column("left")} == {"1 min"})
        for one in asked:
            decide(live, one.approval, decision="reject")
            await finish(one)


async def test_nothing_from_a_tool_acts_on_the_terminal(live: Service, tmp_path: Path) -> None:
    live.register("evil")
    evil = "\x1b]52;c;aGk=\x07\x1b[2J\u202egnp.exe\x9b31m[red]bold[/red]"
    script = [{"ask": "Execute", "input": {"command": evil}}]
    async with opened(live) as (app, pilot):
        runner = threading.Thread(target=live.run, args=(script, "evil"))
        runner.start()
        await until(pilot, lambda: listed(app) == 1)
        await pilot.press("down")
        await until(pilot, lambda: "[red]bold[/red]" in question(app))
        shown = question(app) + "".join(
            str(cell)
            for row in range(listed(app))
            for cell in app.query_one("#approvals", DataTable).get_row_at(row)
        )
        for character in "\x1b\x07\x9b\u202e":
            assert character not in shown
        await pilot.press("r")
        await until(pilot, lambda: bool(app.screen.query(Input)))
        await pilot.press("enter")
        await until(pilot, lambda: listed(app) == 0)
        runner.join()


async def test_the_service_comes_back(service: Service, tmp_path: Path) -> None:
    service.register()
    async with Watcher(service.url, service.token) as watcher:
        app = Tui(watcher, by="ann")
        async with app.run_test(size=(140, 45)) as pilot:
            url, token = service.url, service.token
            service.stop()
            await until(pilot, lambda: app.sub_title == "the service is away")
            service.argv = [*service.argv, "--port", url.rsplit(":", 1)[1]]
            service.start()
            assert (service.url, service.token) == (url, token)
            asked = await asking(service, tmp_path / "log")
            await until(pilot, lambda: listed(app) == 1)
            decide(service, asked.approval, decision="reject")
            await finish(asked)
