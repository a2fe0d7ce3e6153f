"""The stores that must pass: another one is one entry."""

from __future__ import annotations

from conversation_store.interfaces import OpenStore
from conversation_store.sqlite import store as sqlite

STORES: dict[str, OpenStore] = {"sqlite": sqlite.open_store}
