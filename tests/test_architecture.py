"""The walks of runbooks/architecture.md are those that the code takes."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from importlib import import_module
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

import httpx
import pytest

from agent_runner.api.application import build
from agent_runner.api.context import Context
from agent_runner.api.streams import framed
from agent_runner.runs.stop import StopReason
from agent_runner.streams.native import Native
from tests.conftest import Serving
from tests.helpers.asking import approve, asked, question
from tests.helpers.trial import add_agent, ended, start

pytestmark = pytest.mark.anyio

TEXT = (Path(__file__).parent.parent / "runbooks" / "architecture.md").read_text("utf-8")
NAME = re.compile(r"`((?:agent_runner|conversation_store|fallback|shadow)\.[\w.]+)`")


def walk(title: str) -> list[list[str]]:
    """The names in each of a walk's five lines."""
    section = TEXT.split(f"## The walk of {title}\n\n")[1].split("\n\n")[0]
    lines = section.splitlines()
    assert len(lines) == 5
    assert [line[:3] for line in lines] == [f"{number}. " for number in range(1, 6)]
    return [NAME.findall(line) for line in lines]


def resolved(name: str) -> Any:
    """The module, class or function of that name."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: Any = import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise AssertionError(f"there is no {name}")


def test_every_name_is_there() -> None:
    assert all(resolved(name) is not None for name in NAME.findall(TEXT))


@contextmanager
def calls() -> Iterator[list[CodeType]]:
    """All that is called in this thread, in order."""
    seen: list[CodeType] = []

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            seen.append(frame.f_code)

    sys.setprofile(note)
    try:
        yield seen
    finally:
        sys.setprofile(None)


def check(title: str, seen: list[CodeType]) -> None:
    """What the walk names was called in its order, other calls between them."""
    at = 0
    for names in walk(title):
        for name in names:
            found = resolved(name)
            if isinstance(found, ModuleType):
                continue
            assert found.__code__ in seen, f"{name} was not called"
            assert found.__code__ in seen[at:], f"{name} was called before what stands before it"
            at = seen.index(found.__code__, at) + 1


def client(context: Context) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=build(context, None))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost:8420")


async def test_the_walk_of_a_prompt(serving: Serving, tmp_path: Path) -> None:
    async with serving() as context, client(context) as http:
        await add_agent(context, "worker", "claude-code", tmp_path)
        with calls() as seen:
            body = {"prompt": '[{"text": "hello"}]'}
            answer = await http.post("/agents/worker/execute", json=body)
        assert answer.json()["success"], answer.text
    check("a prompt", seen)


async def test_the_walk_of_a_line(serving: Serving, tmp_path: Path) -> None:
    async with serving() as context:
        agent = await add_agent(context, "worker", "claude-code", tmp_path)
        with calls() as seen:
            active = await start(context, agent, [{"text": "hello"}])
            envelopes = active.channel.subscribe(after=2, run_id=active.run_id)
            frames = framed(active.channel, envelopes, Native(active.run_id))
            async with aclosing(frames):
                assert b"hello" in b"".join([piece async for piece in frames])
            await ended(active)
    check("a CLI's line", seen)


async def test_the_walk_of_an_approval(serving: Serving, tmp_path: Path) -> None:
    async with serving() as context:
        agent = await add_agent(context, "worker", "claude-code", tmp_path)
        with calls() as seen:
            active, approval = await asked(context, agent, question(tmp_path / "log"))
            await context.approvals.decide(approval.approval_id, approve(approval))
            await ended(active)
    check("an approval", seen)


async def test_the_walk_of_a_toggle(serving: Serving, tmp_path: Path) -> None:
    async with serving(tmux={"enabled": True}) as context, client(context) as http:
        agent = await add_agent(context, "worker", "claude-code", tmp_path)
        with calls() as seen:
            body = {"type": agent.type, "reason": "a bad release", "by": "ann"}
            answer = await http.post("/api/fallback/cli/disable", json=body)
            assert answer.status_code == 200, answer.text
            active = await start(context, agent, [{"text": "hello"}])
            active.stop.request(StopReason.CANCELLED)
            await ended(active)
    check("a toggle", seen)
