"""An agent's folder is looked at when its CLI starts, and not by the path that led there before."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from agent_runner.process.child import Child, spawn
from agent_runner.process.warden import SpawnError, Warden
from tests.conftest import Service
from tests.helpers.trial import EVERY_WAY, Way


def swapped(folder: Path, to: Path) -> None:
    """Put a link to another folder in the place of `folder`."""
    folder.rename(folder.with_name(f"{folder.name} before"))
    folder.symlink_to(to)


@pytest.mark.parametrize("way", EVERY_WAY)
def test_a_link_that_leads_outside_by_now(
    make_service: Callable[..., Service], tmp_path_factory: pytest.TempPathFactory, way: Way
) -> None:
    service = make_service(**way.limits)
    inside = service.cwd / "project"
    inside.mkdir()
    service.register("worker", type=way.agent_type, cwd=str(inside))
    assert service.run("hello").json()["content"] == "echo: hello"
    service.begin_anew()
    outside = tmp_path_factory.mktemp("outside")
    swapped(inside, outside)
    answer = service.run([{"touch": "came here"}])
    assert (answer.status_code, answer.json()["code"]) == (403, "cwd_not_allowed")
    assert answer.json()["run"]["status"] == "failed"
    assert not list(outside.iterdir())
    inside.unlink()
    inside.with_name("project before").rename(inside)
    assert service.run("again").json()["content"] == "echo: again"


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_in_tmux(
    make_service: Callable[..., Service], tmp_path_factory: pytest.TempPathFactory
) -> None:
    service = make_service(tmux={})
    inside = service.cwd / "project"
    inside.mkdir()
    service.register("worker", commMode="tmux", cwd=str(inside))
    swapped(inside, tmp_path_factory.mktemp("outside"))
    answer = service.run("hello")
    assert answer.json()["code"] == "cwd_not_allowed"


def test_a_parent_of_it_that_leads_outside_by_now(
    make_service: Callable[..., Service], tmp_path_factory: pytest.TempPathFactory
) -> None:
    service = make_service()
    (service.cwd / "a" / "b").mkdir(parents=True)
    service.register("worker", cwd=str(service.cwd / "a" / "b"))
    outside = tmp_path_factory.mktemp("outside")
    (outside / "b").mkdir()
    swapped(service.cwd / "a", outside)
    assert service.run("hello").json()["code"] == "cwd_not_allowed"


def test_a_link_that_leads_inside_is_no_harm(make_service: Callable[..., Service]) -> None:
    service = make_service()
    for name in ("one", "two"):
        (service.cwd / name).mkdir()
    service.register("worker", cwd=str(service.cwd / "one"))
    swapped(service.cwd / "one", service.cwd / "two")
    assert service.run("hello").json()["success"]


def test_a_mirror_copies_nothing_from_outside(
    make_service: Callable[..., Service], tmp_path_factory: pytest.TempPathFactory
) -> None:
    service = make_service(shadow={"primary": "headless", "against": "self"})
    inside = service.cwd / "project"
    inside.mkdir()
    service.register("worker", commMode="shadow", cwd=str(inside))
    swapped(inside, tmp_path_factory.mktemp("outside"))
    assert service.run("hello").json()["code"] == "cwd_not_allowed"


async def started(warden: Warden, cwd: Path, roots: list[str]) -> Child:
    child = await spawn(
        warden,
        ["/bin/sh", "-c", "pwd -P"],
        cwd=str(cwd),
        env={},
        process_id="place",
        roots=roots,
    )
    try:
        await child.go()
    except SpawnError:
        await child.end(term_grace=1)
        child.close()
        raise
    return child


async def ended(child: Child) -> str:
    said = b""
    while piece := await child.read_stdout():
        said += piece
    await child.end(term_grace=1)
    child.close()
    return said.decode().strip()


@pytest.mark.anyio
async def test_roots(warden: Warden, tmp_path: Path) -> None:
    (tmp_path / "root" / "in").mkdir(parents=True)
    (tmp_path / "root-beside").mkdir()
    root = str(tmp_path / "root")
    for roots in ([root], [root + "/"], ["/nowhere", root], ["/"], []):
        child = await started(warden, tmp_path / "root" / "in", roots)
        assert await ended(child) == f"{root}/in"
    for place in (tmp_path, tmp_path / "root-beside", Path("/")):
        with pytest.raises(SpawnError) as caught:
            await started(warden, place, [root])
        assert caught.value.what == "roots"


@pytest.mark.anyio
async def test_a_link_that_changes_all_the_time(warden: Warden, tmp_path: Path) -> None:
    """Wherever it leads at any moment, nothing starts outside."""
    inside, outside = tmp_path / "root" / "in", tmp_path / "outside"
    inside.mkdir(parents=True)
    outside.mkdir()
    link = tmp_path / "root" / "link"
    over = threading.Event()

    def change() -> None:
        while not over.is_set():
            for target in (inside, outside):
                new = tmp_path / "root" / "new"
                new.symlink_to(target)
                os.replace(new, link)

    changing = threading.Thread(target=change)
    changing.start()
    try:
        seen = set()
        for _ in range(60):
            with contextlib.suppress(SpawnError):
                seen.add(await ended(await started(warden, link, [str(tmp_path / "root")])))
        assert seen <= {str(inside)}
    finally:
        over.set()
        changing.join()
