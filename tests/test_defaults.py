"""A default that the pure packages have is taken from there, and written nowhere else."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator

import msgspec
import pytest

import agent_runner.settings as settings_module
from agent_runner.settings import AutomaticSettings, CriteriaSettings
from fallback import guard
from shadow.thresholds import SIMILAR_AT, Thresholds


def defaults_in_source(name: str) -> Iterator[tuple[str, ast.expr]]:
    """The fields of a section, and what is written as the default of each."""
    tree = ast.parse(inspect.getsource(settings_module))
    (section,) = [
        node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name
    ]
    for node in section.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            assert isinstance(node.value, ast.Call)
            if node.value.args:
                yield node.target.id, node.value.args[0]


@pytest.mark.parametrize(
    ("section", "pure"), [(AutomaticSettings, guard.Policy), (CriteriaSettings, Thresholds)]
)
def test_a_default_stands_once(section: type, pure: type[msgspec.Struct]) -> None:
    shared = {re.sub("_s$", "_ms", name) for name in pure.__struct_fields__} - {"sources"}
    written = dict(defaults_in_source(section.__name__))
    assert shared <= written.keys()
    assert [name for name in shared if isinstance(written[name], ast.Constant)] == []


def test_the_guard_has_the_defaults_of_the_settings() -> None:
    given = AutomaticSettings().model_dump()
    for name, value in msgspec.structs.asdict(guard.Policy()).items():
        if name.endswith("_s"):
            assert given[f"{name[:-2]}_ms"] == value * 1000
        elif name != "sources":
            assert given[name] == value


def test_how_alike_is_alike_stands_once() -> None:
    written = dict(defaults_in_source("ShadowSettings"))["similar_at"]
    assert isinstance(written, ast.Name)
    assert getattr(settings_module, written.id) is SIMILAR_AT
