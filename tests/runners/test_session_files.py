"""Session files that are named by the minute are set back before they are resumed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent_runner.agents.gemini.adapter import GeminiAdapter
from agent_runner.agents.session_files import SessionFiles
from agent_runner.runners.session_files import set_back

NOW = datetime(2026, 3, 1, 0, 0, 59, tzinfo=UTC)
ID = "cd80759a-1111-4111-8111-111111111111"


@pytest.fixture
def chats(tmp_path: Path) -> Path:
    folder = tmp_path / "a home [1]" / ".gemini" / "tmp" / "project" / "chats"
    folder.mkdir(parents=True)
    return folder


def patterns(chats: Path, **env: str) -> SessionFiles:
    return GeminiAdapter().session_files({"HOME": str(chats.parents[3]), **env}, ID)


def test_a_file_of_this_minute_gets_an_earlier_name(chats: Path) -> None:
    for name in (
        "session-2026-03-01T00-00-cd80759a.jsonl",
        "session-2026-02-28T23-59-cd80759a.jsonl",
        "session-2026-03-01T00-01-cd80759a.json",
        "session-2026-03-01T00-00-99999999.jsonl",
        "other-2026-03-01T00-00-cd80759a.jsonl",
    ):
        (chats / name).write_text(name)
    assert set_back(patterns(chats), NOW)
    assert {file.name: file.read_text() for file in chats.iterdir()} == {
        "session-2026-02-28T23-58-cd80759a.jsonl": "session-2026-03-01T00-00-cd80759a.jsonl",
        "session-2026-02-28T23-59-cd80759a.jsonl": "session-2026-02-28T23-59-cd80759a.jsonl",
        "session-2026-03-01T00-00-cd80759a.json": "session-2026-03-01T00-01-cd80759a.json",
        "session-2026-03-01T00-00-99999999.jsonl": "session-2026-03-01T00-00-99999999.jsonl",
        "other-2026-03-01T00-00-cd80759a.jsonl": "other-2026-03-01T00-00-cd80759a.jsonl",
    }


def test_what_is_not_there_is_left(chats: Path) -> None:
    assert not set_back(patterns(chats), NOW)
    assert not set_back(GeminiAdapter().session_files({}, ID), NOW)
    assert list(chats.iterdir()) == []


def test_a_home_of_its_own_is_found(chats: Path) -> None:
    (chats / "session-2026-03-01T00-00-cd80759a.jsonl").touch()
    own = patterns(chats, GEMINI_CLI_HOME=str(chats.parents[2]))
    assert set_back(own, NOW)
    assert [file.name for file in chats.iterdir()] == ["session-2026-02-28T23-59-cd80759a.jsonl"]
