"""Patterns are what every Python that is supported matches alike."""

from __future__ import annotations

import ast
from pathlib import Path
from re import _parser

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("agent_runner", "conversation_store", "shadow", "fallback")


def patterns(file: Path) -> list[str | bytes]:
    """The constants that a module gives to functions of `re`."""
    calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    return [
        call.args[0].value
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "re"
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str | bytes)
    ]


def parts(pattern: str | bytes) -> str:
    """All that it consists of, by name."""
    return repr(list(_parser.parse(pattern)))


FILES = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]


def test_none_is_possessive() -> None:
    """Python 3.11 before 3.11.5, which Debian 12 has, matches a possessive group wrongly."""
    found = [
        (str(file.relative_to(ROOT)), pattern)
        for file in FILES
        for pattern in patterns(file)
        if "POSSESSIVE" in parts(pattern)
    ]
    assert found == []


@pytest.mark.parametrize("pattern", [r"(?:a|b)*+", rb"[^x]++", r"a(?:b?+)"])
def test_one_would_be_noticed(pattern: str | bytes) -> None:
    assert "POSSESSIVE" in parts(pattern)
