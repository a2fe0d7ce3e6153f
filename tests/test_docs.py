"""Documentation that is wrong fails here."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.main import get_command

from agent_runner.api.application import ENDPOINTS
from agent_runner.api.hints import HINTS
from agent_runner.api.problems import _HTTP_CODES
from agent_runner.cli.main import application
from agent_runner.settings import Settings
from conversation_store.codes import FailureCode

ROOT = Path(__file__).resolve().parent.parent
# Defaults that depend on the machine, as people write them.
FACTORIES = {"state_dir": "`~/.local/state/agent-runner`", "allowed_roots": "`[~, .]`"}
README = (ROOT / "README.md").read_text("utf-8")
ERRORS = (ROOT / "runbooks/errors.md").read_text("utf-8")
CONFIGURATION = ROOT / "runbooks/configuration.md"


def rows(text: str) -> dict[str, list[str]]:
    """First cell, without its code marks, to the other cells of every table row."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("| `"):
            first, *rest = (cell.strip() for cell in line.strip("|").split("|"))
            name = first.strip("`")
            assert name not in found, f"{name} stands there twice"
            found[name] = rest
    return found


def raised() -> Iterator[tuple[str, bool]]:
    """The codes that the source raises or answers with, as literals, and whether with a hint."""
    folders = [ROOT / "conversation_store", ROOT / "agent_runner"]
    for file in (file for folder in folders for file in folder.rglob("*.py")):
        if "recorder" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            name = node.func.id
            index = 1 if name == "problem" else 0 if name.endswith("Error") else None
            if index is None or len(node.args) < index + 2:
                continue
            code = node.args[index]
            if isinstance(code, ast.Constant) and isinstance(code.value, str):
                yield code.value, any(keyword.arg == "hint" for keyword in node.keywords)


def test_every_code_has_its_row_in_the_runbook() -> None:
    literals = {code for code, _ in raised()}
    known = {*map(str, FailureCode), *literals, *_HTTP_CODES.values(), "http_error"}
    documented = rows(ERRORS)
    assert set(documented) == known
    for code, cells in documented.items():
        assert all(cells), f"{code}: meaning and advice"


def test_a_refusal_says_what_to_do_as_the_runbook_does() -> None:
    unhinted = {code for code, hinted in raised() if not hinted}
    unhinted |= {*_HTTP_CODES.values(), "http_error"}
    # Code, HTTP status, meaning, what to do; a code of the console command has no status.
    answers = {code: cells for code, cells in rows(ERRORS).items() if len(cells) == 3}
    advice = {code: cells[2] for code, cells in answers.items() if cells[0][0].isalnum()}
    assert {code for code in unhinted & advice.keys() if advice[code] != "Nothing."} == set(HINTS)
    for code, hint in HINTS.items():
        said = re.sub(r"\[.*\]\((.*)\)", r"runbooks/\1", advice[code])
        assert said == f"{hint[0].upper()}{hint[1:]}."


def settings_rows(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from settings_rows(kind, f"{prefix}{name}.")
            continue
        assert field.description, f"setting {prefix}{name} has no description"
        if field.default_factory is not None:
            default = FACTORIES[name]
        else:
            default = f"`{field.default!r}`" if field.default is not None else "none"
        yield f"| `{prefix}{name}` | {default} | {field.description} |"


def test_the_runbook_lists_the_settings_as_they_are() -> None:
    table = "\n".join(["| Setting | Default | |", "|---|---|---|", *settings_rows(Settings)])
    text = CONFIGURATION.read_text("utf-8")
    assert table in text, f"put this table into {CONFIGURATION.name}:\n\n{table}"


def test_the_readme_starts_with_two_commands() -> None:
    assert "make run" in README
    assert "make test" in README
    makefile = ROOT / "Makefile"
    targets = set(re.findall(r"^([a-z-]+):", makefile.read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"^make ([a-z-]+)", README, re.MULTILINE)) <= targets


def test_links_lead_somewhere() -> None:
    documents = [ROOT / "README.md", *(ROOT / "runbooks").glob("*.md")]
    for document in documents:
        for target in re.findall(r"\]\(([^)#]+)", document.read_text("utf-8")):
            if "://" not in target:
                assert (document.parent / target).exists(), f"{document.name}: {target}"


def routes_in_the_readme() -> Iterator[tuple[str, str]]:
    """Method and path; a method holds for what follows it in its cell."""
    for line in README.splitlines():
        cell, methods = line.split(" | ")[0], ""
        for named, path in re.findall(r"`([A-Z·]*) ?(/[\w/{}.-]+)`", cell):
            methods = named or methods
            yield from ((method, path) for method in methods.split("·") if method)


def test_the_readme_names_each_route_once() -> None:
    routes = sorted((e.method, e.path) for e in ENDPOINTS)
    assert sorted(routes_in_the_readme()) == routes


def commands() -> list[str]:
    blocks = "".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL))
    return re.findall(r"^(?:\.venv/bin/)?agent-runner .*", blocks, re.MULTILINE)


@pytest.mark.parametrize("line", commands())
def test_commands_in_the_readme_parse(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    command = get_command(application())
    command.make_context("agent-runner", list(words), resilient_parsing=False)
    inner = command.commands[words[0]]  # type: ignore[attr-defined]
    rest = words[1:]
    while hasattr(inner, "commands"):
        inner = inner.commands[rest.pop(0)]
    inner.make_context("agent-runner", rest)
