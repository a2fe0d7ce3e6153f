"""Runs Python as a user whom the system does not know: without name, home and rights."""

from __future__ import annotations

import functools
import os
import shutil
import site
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

UID = 54321
"""No passwd entry has it."""


def _become() -> None:
    os.setgroups([])
    os.setgid(UID)
    os.setuid(UID)


@functools.cache
def interpreter() -> str:
    """One of this version that anybody may start; skips the test if there is none."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for found in (os.path.realpath(sys.executable), shutil.which(name, path="/usr/bin:/bin")):
        if found is None:
            continue
        try:
            tried = subprocess.run([found, "-c", ""], preexec_fn=_become, check=False)
        except PermissionError:
            continue
        if tried.returncode == 0:
            return found
    pytest.skip("no interpreter that anybody may start")


def popen(
    arguments: Sequence[str], env: Mapping[str, str], cwd: Path, **more: object
) -> subprocess.Popen[str]:
    """`python arguments`, which finds this project and its libraries; `env` is all it gets."""
    project = str(Path(__file__).parents[2])
    paths = os.pathsep.join([project, *site.getsitepackages()])
    process: subprocess.Popen[str] = subprocess.Popen(
        [interpreter(), *arguments],
        env={"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", **env},
        cwd=cwd,
        preexec_fn=_become,
        text=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more},  # type: ignore[call-overload]
    )
    return process


def run(arguments: Sequence[str], env: Mapping[str, str], cwd: Path) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of the same."""
    process = popen(arguments, env, cwd, stdin=subprocess.DEVNULL)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err
