"""`fixtures/manifest.toml`: which version of which CLI is pinned, and where its binary is."""

from __future__ import annotations

import platform
import sys
import tomllib
from pathlib import Path

import msgspec

from agent_runner.errors import NotFoundError

# The recorder works in a source checkout: fixtures are not part of the wheel.
FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"

_ARCH = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


class Cli(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One pinned version. `node` is the least Node major version, or None for a native binary.

    There are recordings of it unless it is not `recorded`: then real tests alone drive it.
    """

    agent: str
    version: str
    package: str
    binary: str
    node: int | None = None
    recorded: bool = True

    @property
    def binary_path(self) -> str:
        """`binary` with this machine's platform filled in, relative to the install folder."""
        arch = _ARCH.get(platform.machine().lower(), platform.machine().lower())
        return self.binary.replace("{platform}", f"{sys.platform}-{arch}")


class _Manifest(msgspec.Struct, forbid_unknown_fields=True):
    cli: list[Cli]


def load(path: Path | None = None) -> list[Cli]:
    """Every pinned CLI, in file order. NotFoundError outside a source checkout."""
    file = path or FIXTURES / "manifest.toml"
    if not file.is_file():
        raise NotFoundError(
            "no_fixtures", "the recordings are not installed", hint="run this in a source checkout"
        )
    data = tomllib.loads(file.read_text())
    return msgspec.convert(data, _Manifest).cli


def find(agent: str, version: str | None = None) -> Cli:
    """The pinned CLI of `agent`; the first one listed unless `version` says which.

    NotFoundError if there is none.
    """
    for cli in load():
        if cli.agent == agent and version in (None, cli.version):
            return cli
    known = ", ".join(f"{cli.agent} {cli.version}" for cli in load())
    raise NotFoundError(
        "cli_not_pinned", f"no pinned CLI {agent} {version or ''}".strip(), hint=f"pinned: {known}"
    )
