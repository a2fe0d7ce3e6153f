"""A case's world: what the CLI inherits, and what its output is renamed to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from recorder.isolation import MARKER, World, normalise

NAMES = [("/tmp/rec1_a/work/project", "/work/project"), ("/tmp/rec1_a", "/work")]


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b'{"cwd":"/tmp/rec1_a/work/project"}', b'{"cwd":"/work/project"}'),
        (b"/tmp/rec1_a/work/project/a.txt", b"/work/project/a.txt"),
        (b"projects/-tmp-rec1-a-work-project/x", b"projects/-work-project/x"),
        (b"http://127.0.0.1:45123/v1", b"http://127.0.0.1:8080/v1"),
        (b"at 12:45:01, 127.0.0.1 and nothing else", b"at 12:45:01, 127.0.0.1 and nothing else"),
        (b"\xff\xfe not UTF-8", b"\xff\xfe not UTF-8"),
    ],
)
def test_normalise(raw: bytes, told: bytes) -> None:
    assert normalise(raw, NAMES) == told


def test_longest_path_first() -> None:
    assert normalise(b"/tmp/rec1_a/work/project", list(reversed(NAMES))) == b"/work/project"


def test_environment_is_an_allow_list(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "a real key")
    with World(tmp_path) as world:
        env = world.environment({"BASE": "{url}", "USER": None}, "http://127.0.0.1:1")
        assert env["HOME"] == str(world.home)
        assert env["BASE"] == "http://127.0.0.1:1"
        assert env["PATH"] == os.environ["PATH"]
        assert env[MARKER] == world.marker
        assert not {"ANTHROPIC_API_KEY", "USER"} & set(env)


def test_files_are_filled_in_and_removed(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.write_files(world.home, {".x/settings.json": "{cwd} {url}"}, "u")
        assert (world.home / ".x" / "settings.json").read_text() == f"{world.cwd} u"
        home = world.home
    assert not home.exists()
