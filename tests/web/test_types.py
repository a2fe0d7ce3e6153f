"""The page's types of the API are those of the API."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

CI = Path(__file__).parents[2] / ".ci"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The script that `make types` runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(CI), *sys.path])
        return runpy.run_path(str(CI / "schema.py"))


def test_they_are_of_the_present_document(schema: dict[str, Any]) -> None:
    kept = schema["TYPES"].read_text("utf-8")
    assert kept.startswith(schema["first_line"](schema["document"]())), "run `make types`"


def test_nobody_has_changed_them(schema: dict[str, Any]) -> None:
    if not schema["npm"].are_there():
        pytest.skip("web/node_modules is not there")
    kept = schema["TYPES"].read_text("utf-8")
    # Compared as a whole: a difference of 11,000 lines takes minutes to show.
    assert (schema["types"](schema["document"]()) == kept) is True, "run `make types`"
