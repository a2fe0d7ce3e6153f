"""Fills in the names that a profile leaves open: variables, folders, the process id."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

_NAME = re.compile(r"\{(?:\{\}|(\w+)(?::(\d+))?\})")


class Placeholders:
    """What `{name}` stands for: the names given, or else variables of the environment.

    `{{}` is a brace (`quoting.name`).
    """

    def __init__(self, env: Mapping[str, str], **given: str) -> None:
        self._env = env
        self._given = given

    def set(self, name: str, value: str) -> None:
        """Give one more name."""
        self._given[name] = value

    def fill(self, text: str, quoted: Callable[[str], str] = str) -> str | None:
        """`text` with its names filled in, each `quoted`; None if one of them is not set."""
        missing = False

        def one(found: re.Match[str]) -> str:
            nonlocal missing
            if found[1] is None:
                return "{"
            value = self._given.get(found[1]) or self._env.get(found[1]) or ""
            missing = missing or not value
            return quoted(value[-int(found[2]) :] if found[2] else value)

        filled = _NAME.sub(one, text)
        if missing:
            return None
        return os.path.expanduser(filled) if text.startswith("~") else filled

    def place(self, paths: list[str]) -> str:
        """The first of `paths` whose names are all set; "" if there is none."""
        return next((path for path in map(self.fill, paths) if path is not None), "")

    def fill_all(self, value: Any) -> Any:
        """`value` with every key and text filled in; what cannot be is left out."""
        if isinstance(value, str):
            return self.fill(value)
        if isinstance(value, dict):
            pairs = ((self.fill(key), self.fill_all(item)) for key, item in value.items())
            return {key: item for key, item in pairs if key is not None and item is not None}
        if isinstance(value, list):
            return [item for item in map(self.fill_all, value) if item is not None]
        return value
