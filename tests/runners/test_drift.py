"""What no schema knows is counted always, and told once for each version of a CLI."""

from __future__ import annotations

import pytest
from recorder.manifest import load

from agent_runner.agents.registry import ADAPTERS, adapter_for
from agent_runner.process.programs import is_newer
from agent_runner.runners.drift import MOST_NAMES, MOST_VERSIONS, DriftLog

CLAUDE = adapter_for("claude-code")
NEWEST = CLAUDE.recorded[0]


@pytest.mark.parametrize(
    ("version", "than", "newer"),
    [
        ("2.1.9", "2.1.10", False),
        ("2.1.10", "2.1.9", True),
        ("2.1.9", "2.1.9", False),
        ("2.2", "2.1.9", True),
        ("2.1.9-beta.3", "2.1.9", False),
        (None, "2.1.9", False),
        ("2.1.9", None, False),
        ("nightly", "2.1.9", False),
    ],
)
def test_versions_are_numbers(version: str | None, than: str | None, *, newer: bool) -> None:
    assert is_newer(version, than) is newer


def test_the_versions_are_those_of_the_recordings() -> None:
    pinned: dict[str, list[str]] = {}
    for cli in load():
        if cli.recorded:
            pinned.setdefault(cli.agent, []).append(cli.version)
    for type_, adapter in ADAPTERS.items():
        # Of an agent of type acp it is another program's version.
        wanted = [] if type_ == "acp" else pinned.get(type_, [])
        assert list(adapter.recorded) == wanted, type_
        assert all(is_newer(adapter.recorded[0], older) for older in adapter.recorded[1:])


def test_it_is_told_once_for_a_version_and_counted_always() -> None:
    log = DriftLog()
    first = log.note(CLAUDE, NEWEST, {"a.b": 2})
    assert first is not None
    assert (first.code, first.data) == ("drift", {"a.b": 2})
    assert "newer" not in (first.message or "")
    assert log.note(CLAUDE, NEWEST, {"a.b": 1}) is None
    more = log.note(CLAUDE, NEWEST, {"a.b": 1, "c": 1})
    assert more is not None
    assert more.data == {"c": 1}
    newer = log.note(CLAUDE, "99.0.0", {"a.b": 1})
    assert newer is not None
    assert f"Claude Code 99.0.0, newer than the recorded {NEWEST}, printed" in (newer.message or "")
    assert log.note(adapter_for("custom"), None, {"a": 1}) is not None
    assert [(one.type, one.version, one.newer, one.names) for one in log.present()] == [
        ("claude-code", NEWEST, False, {"a.b": 4, "c": 1}),
        ("claude-code", "99.0.0", True, {"a.b": 1}),
        ("custom", None, False, {"a": 1}),
    ]


def test_it_does_not_grow_without_end() -> None:
    log = DriftLog()
    for number in range(MOST_NAMES + 5):
        log.note(CLAUDE, "1", {f"name{number}": 1})
    assert log.note(CLAUDE, "1", {"one more": 1}) is None, "what is not kept is not told each time"
    for number in range(MOST_VERSIONS + 5):
        log.note(CLAUDE, f"1.{number}", {"a": 1})
    assert len(log.present()) == MOST_VERSIONS
    assert len(log.present()[0].names) == MOST_NAMES
