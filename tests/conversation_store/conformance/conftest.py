"""Each test of this folder is made of each store, by `open_store` or with the store itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conversation_store.interfaces import OpenStore, Store
from tests.conversation_store.conformance.stores import STORES
from tests.helpers.rows import add_agent


@pytest.fixture(params=STORES)
def open_store(request: pytest.FixtureRequest) -> OpenStore:
    return STORES[request.param]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new.db"


@pytest.fixture
async def store(open_store: OpenStore, path: Path) -> AsyncIterator[Store]:
    """A store in which there is an agent."""
    async with open_store(path) as opened:
        await add_agent(opened)
        yield opened
