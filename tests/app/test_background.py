"""What fails in the background is told, begun again, and harms nothing else."""

from __future__ import annotations

import ast
from pathlib import Path

import anyio
import pytest
from structlog.testing import capture_logs

from agent_runner.app import background as module
from agent_runner.app import service
from agent_runner.app.background import Background, Work
from tests.conftest import Serving
from tests.runs.test_service import add_agent, run

pytestmark = pytest.mark.anyio


def kept_names() -> list[str]:
    """The names of all lasting work, as the service's source has them."""
    tree = ast.parse(Path(service.__file__).read_text("utf-8"))
    return [
        str(node.args[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "keep"
        and isinstance(node.args[0], ast.Constant)
    ]


async def test_what_fails_or_ends_is_begun_again_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0.0)
    begun, third = list[int](), anyio.Event()

    async def work() -> None:
        begun.append(1)
        if len(begun) == 3:
            third.set()
            await anyio.sleep_forever()
        if len(begun) == 2:
            return
        raise ExceptionGroup("of its tasks", [RuntimeError("a bug")])

    with capture_logs() as logs:
        async with anyio.create_task_group() as tasks:
            background = Background(tasks)
            background.keep("clock", work)
            with anyio.fail_after(20):
                await third.wait()
            (trouble,) = background.troubles()
            tasks.cancel_scope.cancel()
    told = [(log["event"], log["work"]) for log in logs]
    assert told == [("background_work_failed", "clock"), ("background_work_ended", "clock")]
    assert (trouble.code, trouble.what) == ("background_work_failing", "clock")
    assert (trouble.count, trouble.detail) == (2, "it ended")


async def test_a_single_task_that_fails_ends_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    went_on = anyio.Event()

    async def fail(reason: str) -> None:
        raise RuntimeError(reason)

    async def other() -> None:
        await anyio.lowlevel.checkpoint()
        went_on.set()

    with capture_logs() as logs:
        async with anyio.create_task_group() as tasks:
            background = Background(tasks)
            background.start_soon(fail, "a bug")
            background.start_soon(other)
            with anyio.fail_after(20):
                await went_on.wait()
            (trouble,) = background.troubles()
    assert trouble.code == "background_task_failed"
    assert trouble.detail == "RuntimeError: a bug"
    assert [log["event"] for log in logs] == ["background_task_failed"]
    monkeypatch.setattr(module, "SHOWN_S", 0.0)
    async with anyio.create_task_group() as tasks:
        background = Background(tasks)
        background.start_soon(fail, "again")
    assert list(background.troubles()) == []


@pytest.mark.parametrize("name", kept_names())
async def test_each_lasting_work_survives_a_fault(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    begun, again = list[str](), anyio.Event()

    async def begin(of: str, work: Work) -> None:
        begun.append(of)
        if of == name and begun.count(name) == 1:
            raise RuntimeError("a fault")
        if of == name:
            again.set()
        await work()

    monkeypatch.setattr(module, "PAUSE_S", 0.0)
    monkeypatch.setattr(module, "begin", begin)
    async with serving() as context:
        with anyio.fail_after(20):
            await again.wait()
        (trouble,) = context.troubles.present()
        assert (trouble.code, trouble.what) == ("background_work_failing", name)
        assert trouble.detail == "RuntimeError: a fault"
        agent = await add_agent(context, tmp_path)
        assert (await run(context, agent, "still there")).answer == "echo: still there"
    assert set(begun) == set(kept_names())


async def test_a_hook_that_breaks_does_not_end_the_service(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("agent_runner.process.programs.Versions.of", broken)
    async with serving() as context:
        agent = await add_agent(context, tmp_path)
        assert (await run(context, agent, "one")).answer == "echo: one"
        assert (await run(context, agent, "two")).answer == "echo: two"
        (trouble,) = context.troubles.present()
        assert (trouble.code, trouble.what) == ("background_task_failed", "Launcher.version")
