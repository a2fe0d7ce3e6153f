"""The dialects by name, found in the modules of this package."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from agent_runner import streams
from agent_runner.errors import BadRequestError
from agent_runner.streams.base import Dialect


def _found() -> Mapping[str, type[Dialect]]:
    for module in pkgutil.iter_modules(streams.__path__, f"{streams.__name__}."):
        if module.name != __name__:
            import_module(module.name)
    found = Dialect.__subclasses__()
    return MappingProxyType({cls.name: cls for cls in found if cls.registered})


DIALECTS: Mapping[str, type[Dialect]] = _found()


def dialect(name: str) -> type[Dialect]:
    """The dialect called `name`; BadRequestError `unknown_dialect` if there is none."""
    found = DIALECTS.get(name)
    if found is None:
        raise BadRequestError(
            "unknown_dialect",
            f"there is no stream dialect {name[:40]!r}",
            hint=f"known: {', '.join(sorted(DIALECTS))}",
        )
    return found
