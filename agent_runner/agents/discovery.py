"""Finds what the folder of each CLI offers, so that no list of CLIs has to be kept.

A CLI is a package in `agents/` that says by `TYPE` what its agents are called. Whatever else
the service knows of it is a module in that folder with a fixed name: `adapter`, `wordings`,
`tools`, `dialect`. A module may be absent.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from agent_runner import agents


def modules(name: str) -> dict[str, ModuleType]:
    """The module `name` of every folder that has one, by agent type.

    They are sorted by the module's `ORDER`, which is 0 where it says nothing, then by folder.
    """
    found: list[tuple[int, str, str, ModuleType]] = []
    for folder in pkgutil.iter_modules(agents.__path__, f"{agents.__name__}."):
        type_ = getattr(import_module(folder.name), "TYPE", None) if folder.ispkg else None
        if type_ is not None and find_spec(f"{folder.name}.{name}") is not None:
            module = import_module(f"{folder.name}.{name}")
            found.append((getattr(module, "ORDER", 0), folder.name, type_, module))
    return {type_: module for _, _, type_, module in sorted(found, key=lambda one: one[:2])}
