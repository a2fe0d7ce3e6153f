"""Each language reads what was quoted for it as just the value: asked of the real programs."""

from __future__ import annotations

import ast
import glob
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_runner import quoting
from agent_runner.tmux.placeholders import Placeholders

ROOT = Path(__file__).parent.parent
META = "#{}()[]$`;&|<>*?!~^%\"'\\=-:@,. \t\n\u00e9\u2028"
TEXTS = st.text(st.one_of(st.sampled_from(META), st.characters(exclude_characters="\0")))
ARGUMENTS = st.lists(TEXTS.map(lambda text: text.encode(errors="replace").decode()), max_size=4)
NAMES = st.text(st.sampled_from(META.replace("\n", "") + "ab"), min_size=1, max_size=12).filter(
    lambda name: name.strip(".")
)
REAL = settings(max_examples=40, deadline=None)


@contextmanager
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ar-") as name:
        yield Path(name)


@given(ARGUMENTS)
@REAL
def test_a_shell(words: list[str]) -> None:
    line = f"printf '%s\\0' : {quoting.shell(words)}"
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[1:-1] == words


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
@given(ARGUMENTS)
@REAL
def test_tmux(words: list[str]) -> None:
    with scratch() as folder:
        os.mkfifo(folder / "said")
        line = ["tmux", "-f", "/dev/null", "-S", str(folder / "t"), "new-session", "-d"]
        said = ["sh", "-c", f"printf '%s\\0' \"$@\" > {folder}/said", *words]
        subprocess.run([*line, *quoting.tmux(["sh", *said[1:3], "sh", *words])], check=True)
        assert (folder / "said").read_bytes().decode().split("\0")[:-1] == (words or [""])


@given(NAMES)
@REAL
def test_a_program_of_env(name: str) -> None:
    with scratch() as folder:
        program = folder / name
        program.write_text('#!/bin/sh\nprintf "%s\\0" "$A" "$@"')
        program.chmod(0o700)
        words = ["env", "A=b", *quoting.env([str(program), "-x", "c=d"])]
        done = subprocess.run(words, capture_output=True, check=True)
        assert done.stdout == b"b\0-x\0c=d\0"


@given(st.lists(NAMES, min_size=1, max_size=4, unique=True))
@REAL
def test_a_glob(names: list[str]) -> None:
    with scratch() as folder:
        for name in names:
            (folder / name).touch()
        for name in names:
            assert glob.glob(quoting.glob(str(folder / name))) == [str(folder / name)]


@given(TEXTS, TEXTS)
def test_a_regular_expression(text: str, other: str) -> None:
    pattern = re.compile(quoting.regex(text))
    assert pattern.fullmatch(text)
    assert (pattern.fullmatch(other) is not None) == (text == other)


@given(st.lists(TEXTS.map(lambda text: text.encode(errors="replace").decode()), min_size=1))
def test_the_path_of_a_url(words: list[str]) -> None:
    path = quoting.path(*words)
    assert [unquote(word) for word in path.split("/")[1:]] == words
    assert not set(path) & set("?#;&= \n")


@given(st.text(st.sampled_from(META.replace("\n", "").replace("/", "") + "ab"), min_size=1))
@REAL
def test_a_permission_rule(name: str) -> None:
    """What comes of it is a pattern of gitignore that matches the path; ask git."""
    pattern = quoting.rule(f"/{name}x")
    assert not set(pattern) & set("(),\\")
    with scratch() as folder:
        subprocess.run(["git", "init", "-q", str(folder)], check=True)
        (folder / ".gitignore").write_text(f"{pattern}\n")
        words = ["git", "-C", str(folder), "check-ignore", "-q", "--", f"./{name}x"]
        assert subprocess.run(words, check=False).returncode == 0


@given(TEXTS, st.sampled_from(["url", "folder", "command"]))
def test_a_name_of_a_profile(text: str, name: str) -> None:
    """It fills in the names of the profile, and none that a value holds."""
    given_ = "{}{{url}}"
    names = Placeholders({}, **{name: given_})
    assert names.fill(f"{quoting.name(text)}{{{name}}}") == f"{text}{given_}"


@given(TEXTS)
@REAL
def test_a_plain_word(text: str) -> None:
    word = text.encode(errors="replace").decode()
    if quoting.is_plain(word):
        done = subprocess.run(["sh", "-c", f"printf %s {word}"], capture_output=True, check=True)
        assert done.stdout.decode() == word
    assert quoting.is_plain("/home/ann/.local/state/agent-runner/private/proc_1/editor")


@given(st.lists(TEXTS))
def test_the_entries_of_path(folders: list[str]) -> None:
    kept = quoting.path_entries(folders)
    assert [one for one in folders if one in kept] == kept
    assert not kept or os.pathsep.join(kept).split(os.pathsep) == kept


@given(TEXTS, TEXTS)
def test_a_text_in_json(text: str, other: str) -> None:
    line = json.dumps({"a": "{x}", "b": other}).replace("{x}", quoting.json_text(text), 1)
    assert json.loads(line)["a"] == text


def test_nobody_else_quotes() -> None:
    """What quotes for a language is used in one module, so that no value goes round it."""
    quoters = {
        ("shlex", "join"), ("shlex", "quote"), ("glob", "escape"), ("re", "escape"),
        ("parse", "quote"), ("urllib.parse", "quote"), ("urllib.parse", "quote_plus"),
    }  # fmt: skip
    found = []
    for file in sorted((ROOT / "agent_runner").rglob("*.py")):
        if file.name == "quoting.py":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                names = {(node.value.id, node.attr)}
            elif isinstance(node, ast.ImportFrom):
                names = {(node.module or "", alias.name) for alias in node.names}
            else:
                continue
            found += [f"{file.relative_to(ROOT)}: {name}" for name in names & quoters]
    assert found == []
