"""The page's types of the API are those of the API."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.web.conftest import left_out, script


@pytest.fixture(scope="module")
def schema() -> ModuleType:
    """The script that `make types` runs."""
    return script("schema")


def test_they_are_of_the_present_document(schema: ModuleType) -> None:
    kept = schema.TYPES.read_text("utf-8")
    assert kept.startswith(schema.first_line(schema.document())), "run `make types`"


def test_nobody_has_changed_them(schema: ModuleType) -> None:
    if not schema.npm.are_there():
        left_out("web/node_modules is not there: Node.js or npm could not be had at set-up")
    kept = schema.TYPES.read_text("utf-8")
    # Compared as a whole: a difference of 11,000 lines takes minutes to show.
    assert (schema.types(schema.document()) == kept) is True, "run `make types`"
