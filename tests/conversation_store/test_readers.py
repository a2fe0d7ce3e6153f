"""Readers after the end of their store."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from conversation_store.errors import StoreUnusableError
from conversation_store.store import open_store

pytestmark = pytest.mark.anyio


async def test_a_closed_store_opens_no_connection_again(tmp_path: Path) -> None:
    async with open_store(tmp_path / "new.db") as store:
        assert await store.approvals.pending() == 0
    readers = store.approvals._readers
    with anyio.fail_after(30), pytest.raises(StoreUnusableError) as refused:
        await store.approvals.pending()
    assert refused.value.code == "store_closed"
    assert readers._idle == []
