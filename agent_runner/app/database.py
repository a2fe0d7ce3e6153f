"""The store that this service uses: the one place that chooses it."""

from __future__ import annotations

from conversation_store.interfaces import OpenStore
from conversation_store.sqlite import store
from conversation_store.sqlite.engine import described
from conversation_store.sqlite.integrity.backups import newest_good

__all__ = ["described", "newest_good", "open_store"]

open_store: OpenStore = store.open_store
