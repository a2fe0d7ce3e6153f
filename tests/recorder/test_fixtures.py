"""The recordings in the tree are whole, and their events are what the adapters make of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from recorder.cases import SUITES, cases_of
from recorder.manifest import FIXTURES, Cli, load
from recorder.recording import GZIP_OVER, folder_of, read, recorded

from agent_runner.agents.base import Form

CLIS = [pytest.param(cli, id=f"{cli.agent}-{cli.version}") for cli in load() if cli.recorded]
FOLDERS = [
    pytest.param(folder_of(cli.agent, cli.version, case), id=f"{cli.agent}-{cli.version}-{case}")
    for cli in load()
    for case in recorded(cli.agent, cli.version)
]
STEPS = {
    "prompt": {"text"},
    "steer": {"text"},
    "reconfigure": {"options"},
    "interrupt": set(),
    "answer": {"requestId", "answer"},
    "eof": set(),
    "signal": {"name"},
}


@pytest.mark.parametrize("cli", CLIS)
def test_every_case_of_a_pinned_version_is_recorded(cli: Cli) -> None:
    names = {case.name for case in cases_of(SUITES[cli.agent], cli.version)}
    assert set(recorded(cli.agent, cli.version)) == names
    assert len(names) >= 25


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_recording_is_whole(folder: Path) -> None:
    recording = read(folder)
    assert (folder / "events.json").is_file()
    assert recording.command.argv[0].startswith("/opt/cli/")
    assert Form(recording.command.form)
    lines = len(recording.lines())
    seen = 0
    for step in recording.command.steps:
        assert set(step) - {"attachments"} == {"do", "afterLine", *STEPS[step["do"]]}
        assert seen <= step["afterLine"] <= lines
        seen = step["afterLine"]
    for path in folder.iterdir():
        assert path.suffix == ".gz" or path.stat().st_size <= GZIP_OVER


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_recording_names_no_folder_of_its_maker(folder: Path) -> None:
    recording = read(folder)
    for data in (recording.stdin, recording.stdout, recording.stderr):
        assert b"/tmp/rec" not in data
        assert b"-tmp-rec" not in data


def test_nothing_else_is_kept() -> None:
    pinned = {(cli.agent, cli.version) for cli in load()}
    kept = {
        (version.parent.name, version.name)
        for agent in FIXTURES.iterdir()
        if agent.name in SUITES
        for version in agent.iterdir()
    }
    assert kept <= pinned
