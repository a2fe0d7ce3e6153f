"""The page is built when its sources change, as a whole, the same everywhere, and in the wheel."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from zipfile import ZipFile

import httpx
import pytest

from agent_runner.api.page_bundle import MEDIA_TYPES
from agent_runner.api.page_files import is_of_page
from tests.conftest import Service
from tests.web.conftest import CI, left_out, script

ROOT = CI.parent
SOURCES = shutil.ignore_patterns("node_modules", "dist", "page", "__pycache__")


@pytest.fixture
def page() -> ModuleType:
    return script("page")


@pytest.fixture
def elsewhere(page: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`.ci/page.py` for a checkout without anything set up."""
    web = shutil.copytree(ROOT / "web", tmp_path / "web", ignore=SOURCES)
    (tmp_path / ".venv").mkdir()
    (tmp_path / "agent_runner").mkdir()
    monkeypatch.setattr(page, "PAGE", tmp_path / "agent_runner" / "page")
    monkeypatch.setattr(page, "_BESIDE", web / "dist" / "set-up")
    monkeypatch.setattr(page.npm, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(page.npm, "WEB", web)
    monkeypatch.setattr(page.npm, "MODULES", web / "node_modules")
    monkeypatch.setattr(page.npm, "STAMP", web / "node_modules" / ".set-up")
    return page


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_all_of_it_is_served(built_page: Path) -> None:
    for name in files(built_page):
        if name.endswith((".br", ".gz")) or name in ("index.html", ".built-from"):
            continue
        assert is_of_page("GET", f"/{name}"), f"no route of agent_runner.api.page_files has {name}"
        assert Path(name).suffix in MEDIA_TYPES, (
            f"agent_runner.api.page_bundle has no type of {name}"
        )
    for name, body in files(built_page).items():
        packed = [files(built_page).get(name + ending) for ending in (".br", ".gz")]
        if len(body) > 1000 and not name.endswith((".br", ".gz")):
            assert all(one is not None and len(one) < len(body) for one in packed), name


def test_the_same_sources_give_the_same_bytes(built_page: Path, elsewhere: ModuleType) -> None:
    modules = ROOT / "web" / "node_modules"
    if not script("npm").are_there():
        left_out("web/node_modules is not there")
    subprocess.run(["cp", "-al", str(modules), str(elsewhere.npm.WEB)], check=True)
    (elsewhere.npm.VENV / "lib").symlink_to(ROOT / ".venv" / "lib")
    said: list[str] = []
    elsewhere.set_up(no_pip, said.append, modules=False)
    assert said == ["Building the page"]
    elsewhere.set_up(no_pip, said.append, modules=False)
    assert said == ["Building the page"]
    assert files(elsewhere.PAGE) == files(built_page)
    # Again, over the one that is there; nothing stays beside it.
    (elsewhere.npm.WEB / "index.html").write_text("<!doctype html><title>another</title>")
    elsewhere.set_up(no_pip, said.append, modules=False)
    assert b"another" in files(elsewhere.PAGE)["index.html"]
    assert [path.name for path in (elsewhere.npm.WEB / "dist").iterdir()] == []
    # A build that fails changes nothing.
    (elsewhere.npm.WEB / "index.html").write_text("<script type=module src=/no.ts></script>")
    before = files(elsewhere.PAGE)
    elsewhere.set_up(no_pip, said.append, modules=False)
    assert files(elsewhere.PAGE) == before
    line = said[-1]
    assert line.startswith("The page stays as it is, and all else works: its build failed:\n")
    assert "no.ts" in line


def no_pip(*_: str) -> bool:
    raise AssertionError("nothing is to be installed")


def test_its_hash_is_that_of_its_sources_alone(elsewhere: ModuleType) -> None:
    web, before = elsewhere.npm.WEB, elsewhere.wanted()
    for name in ("node_modules/x/x.ts", "dist/x.ts", "test/x.ts", "engine/test/x.ts"):
        (web / name).parent.mkdir(parents=True, exist_ok=True)
        (web / name).write_text("x")
    for name in ("src/x.test.ts", "src/x.md", "src/x.ts~"):
        (web / name).write_text("x")
    assert elsewhere.wanted() == before
    seen = {before}
    for name in ("src/x.ts", "src/y.tsx", "engine/src/x.css", "public/x.svg", "package-lock.json"):
        (web / name).parent.mkdir(parents=True, exist_ok=True)
        (web / name).write_text("x")
        seen.add(elsewhere.wanted())
    (web / "src" / "x.ts").rename(web / "src" / "z.ts")
    seen.add(elsewhere.wanted())
    assert len(seen) == 7
    kinds = subprocess.run(
        ["git", "ls-files", "web"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    tracked = {Path(line).suffix for line in kinds.stdout.split()}
    assert tracked <= elsewhere._KINDS | {".md", ""}, "a kind that the hash does not see"


def test_where_node_cannot_be_had_it_is_said_in_a_sentence(elsewhere: ModuleType) -> None:
    said: list[str] = []
    elsewhere.set_up(lambda *_: False, said.append, modules=True)
    assert said == [
        "Building the page with Node.js: about 20 s",
        "The page is not built, and all else works: Node.js cannot be had from the Python package "
        "index",
    ]


def test_where_npm_is_out_of_reach_it_is_said_in_a_sentence(
    elsewhere: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    if script("npm").node() is None:
        left_out("Node.js is not there")
    (elsewhere.npm.VENV / "lib").symlink_to(ROOT / ".venv" / "lib")
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:1/")
    monkeypatch.setenv("npm_config_cache", str(elsewhere.npm.VENV / "cache"))
    said: list[str] = []
    elsewhere.set_up(lambda *_: True, said.append, modules=False)
    assert said[1:] == [
        "The page is not built, and all else works: the npm registry is out of reach"
    ]


# --- the wheel -----------------------------------------------------------------------


def build_wheel(folder: Path, into: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_a_wheel_serves_the_page(
    built_page: Path, tmp_path: Path, make_service: Callable[..., Service]
) -> None:
    done = build_wheel(ROOT, tmp_path / "wheel")
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (tmp_path / "wheel").iterdir()
    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    service = make_service(env={"PYTHONPATH": str(tmp_path / "installed")})
    with httpx.Client(base_url=service.url, verify=False) as client:
        index = client.get("/")
        assert index.content == (built_page / "index.html").read_bytes()
        for asset in (built_page / "assets").glob("*.js"):
            assert client.get(f"/assets/{asset.name}").content == asset.read_bytes()
    where = [sys.executable, "-c", "import agent_runner; print(agent_runner.__file__)"]
    env = {"PYTHONPATH": str(tmp_path / "installed")}
    found = subprocess.run(where, env=env, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert found.stdout.startswith(str(tmp_path))


def test_no_wheel_is_made_without_the_page(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    for name in ("agent_runner", "conversation_store", "shadow", "fallback", "web", ".ci"):
        shutil.copytree(ROOT / name, checkout / name, ignore=SOURCES)
    for name in ("README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, checkout)
    demo = "fixtures/claude-code/2.1.332/warm-demo"
    shutil.copytree(ROOT / demo, checkout / demo)
    done = build_wheel(checkout, tmp_path / "wheel")
    assert done.returncode == 1
    assert "python3 .ci/bootstrap.py run" in done.stderr
    assert not list((tmp_path / "wheel").glob("*.whl"))
