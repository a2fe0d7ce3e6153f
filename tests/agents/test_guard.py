"""What goes to the service's own folder is seen where it can be, and nothing else is refused."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from agent_runner.agents.guard import Guard

STATE = "/home/ann/.local/state/agent-runner"
GUARD = Guard(
    [STATE, "/data/state"], {"HOME": "/home/ann", "XDG_STATE_HOME": "/home/ann/.local/state"}
)
CWD = "/home/ann/project"


def refused(tool: str, given: dict[str, Any], kind: str | None = None, cwd: str = CWD) -> bool:
    return GUARD.refuses(tool, kind, given, cwd)


PATHS = [
    f"{STATE}/token",
    STATE,
    f"{STATE}/",
    f"{STATE}/raw/agent/run.stdout",
    "~/.local/state/agent-runner/token",
    "../.local/state/agent-runner/token",
    "/home/ann/project/../.local/./state//agent-runner/token",
    f"file://{STATE}/token",
    "$HOME/.local/state/agent-runner/token",
    "${XDG_STATE_HOME}/agent-runner/token",
    "/home/*/.local/state/agent-runner/token",
    "/home/ann/.local/st*/agent-r?nner/t*",
    "/data/state/token",
    f"/{STATE}/token",
    f"///{STATE}/token",
    f" {STATE}/token",
    f"{STATE}/token\n",
    f"/proc/self/root{STATE}/token",
    f"/proc/1/task/2/root/{STATE}/token",
    "/proc/self/cwd/../.local/state/agent-runner/token",
    "/home/ann/.local/{state,x}/agent-runner/token",
    "/home/ann/.local/state/{agent-runner,x}/token",
    f"file://localhost{STATE.replace('.', '%2e')}/token",
    "/a/.." * 2000 + f"{STATE}/token",
]


@pytest.mark.parametrize("path", PATHS)
def test_paths(path: str) -> None:
    assert refused("Read", {"file_path": path})
    assert refused("Edit", {"file_path": path, "old_string": "a", "new_string": "b"})
    assert refused("Glob", {"path": path, "pattern": "*"})
    assert refused("read_many_files", {"paths": ["README.md", path]})
    assert refused("mcp__files__open", {"where": {"uri": path}})
    assert refused("Read", {"toolUses": [{"name": "Read", "input": {"file_path": path}}]})
    assert refused("title only", {"title": "x", "path": path}, kind="read")


@pytest.mark.parametrize("path", PATHS)
def test_commands(path: str) -> None:
    path = path.strip()
    for command in (
        f"cat {path}",
        f"cat '{path}'",
        f"x=$(<{path})",
        f"bash -c 'cat {path}'",
        f"cat <{path}|base64",
    ):
        assert refused("Bash", {"command": command}), command
        assert refused("run_shell_command", {"command": command}), command
    assert refused("Execute", {"command": ["cat", path]})


@pytest.mark.parametrize(
    "command",
    [
        "cd ~/.local/state && cat agent-runner/token",
        "cat agent-run''ner/token",
        "sqlite3 ../x/agent-runner/agent-runner.db .dump",
    ],
)
def test_commands_that_name_the_file_from_beside_it(command: str) -> None:
    assert refused("Bash", {"command": command})


@pytest.mark.parametrize(
    ("tool", "given"),
    [
        ("Read", {"file_path": "README.md"}),
        ("Read", {"file_path": f"{STATE}-beside/token"}),
        ("Read", {"file_path": "/home/ann/.local/state/other/token"}),
        ("Read", {"file_path": "/home/ann/.local/state"}),
        ("Write", {"file_path": "doc.md", "content": f"The token is in\n{STATE}/token\n"}),
        ("Bash", {"command": "ls -la ~/.local/state"}),
        ("Bash", {"command": "agent-runner approvals list"}),
        ("Bash", {"command": "cat token agent-runner.txt"}),
        ("Bash", {"command": "find . -name '*.py' | xargs grep -n agent"}),
        ("Grep", {"pattern": "agent-runner", "path": "."}),
        ("AskUserQuestion", {"questions": [{"question": "Which?"}]}),
        ("x", {}),
    ],
)
def test_what_is_no_harm(tool: str, given: dict[str, Any]) -> None:
    assert not refused(tool, given)


def test_an_agent_that_works_in_the_folder_has_its_own_part() -> None:
    """The demo's and a mirror's place to work."""
    cwd = f"{STATE}/mirrors/conv/tree"
    assert not refused("Read", {"file_path": "README.md"}, cwd=cwd)
    assert not refused("Read", {"file_path": f"{cwd}/README.md"}, cwd=cwd)
    assert refused("Read", {"file_path": "../../../token"}, cwd=cwd)
    assert refused("Read", {"file_path": f"{STATE}/mirrors/other/tree/x"}, cwd=cwd)


def test_more_than_is_looked_at() -> None:
    many = [f"file-{number}" for number in range(2000)]
    assert not refused("Read", {"paths": many})
    assert refused("Read", {"paths": [*many, f"{STATE}/token"]})


def test_links_are_followed(tmp_path: Path) -> None:
    state, work = tmp_path / "state", tmp_path / "work"
    for folder in (state / "mirrors/one", work):
        folder.mkdir(parents=True)
    (work / "home").symlink_to(tmp_path)
    (tmp_path / "own").symlink_to(state / "mirrors/one")
    guard = Guard([str(state)], {})
    for path in ("home/state/token", "home/work/home/state", f"{work}/home/state/raw/x"):
        assert guard.refuses("Read", None, {"file_path": path}, str(work))
    for path in ("home/work/x", "x", "home", "\0"):
        assert not guard.refuses("Read", None, {"file_path": path}, str(work))
    # A workspace of ours lies in the folder.
    assert not guard.refuses("Read", None, {"file_path": "x"}, str(tmp_path / "own"))
    assert guard.refuses("Read", None, {"file_path": "../../token"}, str(state / "mirrors/one"))


def test_the_folder_is_no_workspace_itself() -> None:
    assert refused("Read", {"file_path": "token"}, cwd=STATE)
    assert not refused("Read", {"file_path": "x"}, cwd=f"{STATE}/mirrors/one")


@pytest.mark.parametrize("name", ["[a]", "x[!b]", "a*", "{b}", "it's", "a\\b", "#(x)"])
def test_a_folder_whose_name_is_a_pattern(name: str) -> None:
    guard = Guard([f"/data/{name}"], {})
    assert guard.refuses("Read", None, {"file_path": f"/data/{name}/token"}, CWD)
    assert guard.refuses(
        "Bash", None, {"command": f"cat {shlex.quote(f'/data/{name}/token')}"}, CWD
    )
    assert not guard.refuses("Read", None, {"file_path": "/data/other/token"}, CWD)


def test_what_is_shared_within_it_can_be_read_and_nothing_beside_it() -> None:
    shared = f"{STATE}/attachments/conversations"
    guard = Guard([STATE], {"HOME": "/home/ann"}, readable=[shared])

    def reads(path: str) -> bool:
        return not guard.refuses("Read", None, {"file_path": path}, CWD)

    assert reads(f"{shared}/conv_1/1-a.png")
    assert reads("~/.local/state/agent-runner/attachments/conversations/conv_1/1-a.png")
    assert not guard.refuses("Bash", None, {"command": f"file {shared}/conv_1/1-a.png"}, CWD)
    for path in (
        shared,
        f"{shared}/../../token",
        f"{STATE}/attachments/content/0",
        f"{STATE}/attachments/conversations-not",
        f"{STATE}/att*/conv*/../../token",
        f"{STATE}/*",
        STATE,
    ):
        assert not reads(path), path
