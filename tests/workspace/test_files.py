"""What lies below an agent's folder can be seen, and nothing that does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent_runner.errors import AgentRunnerError, BadRequestError, ForbiddenError, NotFoundError
from agent_runner.workspace.files import MOST_BYTES, MOST_ENTRIES, look


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "src").mkdir(parents=True)
    (folder / "state").mkdir()
    (folder / "state" / "token").write_text("secret")
    (folder / "src" / "a.py").write_text("print('é')\n")
    (folder / "src" / "inner").symlink_to("a.py")
    (tmp_path / "outside.txt").write_text("not yours")
    (folder / "out").symlink_to(tmp_path / "outside.txt")
    (folder / "up").symlink_to("..")
    return folder


def test_a_folder_and_a_file(root: Path) -> None:
    top = look(root, "", root / "state")
    assert [(one.name, one.kind) for one in top.entries or []] == [
        ("src", "folder"),
        ("state", "folder"),
        ("out", "link"),
        ("up", "link"),
    ]
    file = look(root, "src/a.py", root / "state")
    assert (file.text, file.binary, file.cut, file.size) == ("print('é')\n", False, False, 12)
    assert look(root, "src/inner", root / "state").text == file.text


@pytest.mark.parametrize(
    ("path", "error", "code"),
    [
        ("..", ForbiddenError, "outside_workspace"),
        ("../outside.txt", ForbiddenError, "outside_workspace"),
        ("src/../../outside.txt", ForbiddenError, "outside_workspace"),
        ("out", ForbiddenError, "outside_workspace"),
        ("up/outside.txt", ForbiddenError, "outside_workspace"),
        ("up/project/state/token", ForbiddenError, "outside_workspace"),
        ("state", ForbiddenError, "outside_workspace"),
        ("state/token", ForbiddenError, "outside_workspace"),
        ("/etc/passwd", BadRequestError, "invalid_path"),
        ("a\0b", BadRequestError, "invalid_path"),
        ("\ud800", BadRequestError, "not_readable"),
        ("x" * 5000, BadRequestError, "not_readable"),
        ("src/a.py/b", BadRequestError, "not_readable"),
        ("none", NotFoundError, "file_not_found"),
    ],
)
def test_what_is_not_there_or_not_below(
    root: Path, path: str, error: type[AgentRunnerError], code: str
) -> None:
    with pytest.raises(error) as caught:
        look(root, path, root / "state")
    assert caught.value.code == code


def test_binary_huge_and_strange_things_are_told_apart(root: Path) -> None:
    (root / "binary").write_bytes(b"a\0b" * 100)
    (root / "huge").write_bytes(b"x" * (MOST_BYTES + 1))
    (root / "latin").write_bytes(b"caf\xe9")
    os.mkfifo(root / "pipe")
    denied = root / "state"
    binary, huge = look(root, "binary", denied), look(root, "huge", denied)
    assert (binary.binary, binary.text, binary.size) == (True, None, 300)
    assert (huge.cut, huge.size, len(huge.text or "")) == (True, MOST_BYTES + 1, MOST_BYTES)
    assert look(root, "latin", denied).text == "caf\ufffd"
    with pytest.raises(BadRequestError) as caught:
        look(root, "pipe", denied)
    assert caught.value.code == "not_readable"


def test_a_name_that_is_no_text_and_a_folder_without_end(root: Path) -> None:
    many = root / "many"
    many.mkdir()
    for number in range(MOST_ENTRIES + 1):
        (many / str(number)).touch()
    with open(os.fsencode(root / "src") + b"/caf\xe9", "w"):
        pass
    names = [one.name for one in look(root, "src", root / "state").entries or []]
    assert "caf\\udce9" in names
    listed = look(root, "many", root / "state")
    assert (len(listed.entries or []), listed.cut) == (MOST_ENTRIES, True)
