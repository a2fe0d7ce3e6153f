"""The import contracts hold, and notice when they do not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("agent_runner", "conversation_store", "shadow", "fallback")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """import-linter on the packages in `folder`."""
    program = (
        "import sys; sys.path.insert(0, '.');"
        "from importlinter.cli import lint_imports_command as lint; lint()"
    )
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_contracts_hold() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        (
            "agent_runner/process/child.py",
            "import conversation_store.sqlite.store",
            "producers yield and never save",
        ),
        ("agent_runner/api/health.py", "import sqlite3", "SQL lives in the store"),
        ("conversation_store/records/runs.py", "import sqlite3", "SQL lives in the store"),
        ("conversation_store/interfaces/runs.py", "import aiosqlite", "SQL lives in the store"),
        (
            "conversation_store/interfaces/store.py",
            "import conversation_store.sqlite.store",
            "inside the store imports run downwards",
        ),
        *(
            (file, "import conversation_store.sqlite.store", "the store is used by its interfaces")
            for file in (
                "agent_runner/app/service.py",
                "agent_runner/maintenance/service.py",
                "fallback/precedence.py",
                "shadow/report.py",
            )
        ),
        (
            "conversation_store/sqlite/store.py",
            "import agent_runner.wire",
            "the four packages look one way",
        ),
        (
            "agent_runner/errors.py",
            "import agent_runner.bus.bus",
            "inside agent_runner imports run downwards",
        ),
        ("agent_runner/agents/claude/adapter.py", "import subprocess", "parsers do no I/O"),
        ("agent_runner/client/http.py", "import agent_runner.bus.bus", "faces speak HTTP only"),
    ],
)
def test_a_planted_import_is_noticed(tmp_path: Path, file: str, line: str, contract: str) -> None:
    for package in PACKAGES:
        ignore = shutil.ignore_patterns("__pycache__", "recorded")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    planted = tmp_path / file
    planted.write_text(f"{planted.read_text('utf-8')}\n{line}\n", "utf-8")
    done = lint(tmp_path)
    assert done.returncode != 0
    assert f"{contract} BROKEN" in done.stdout
