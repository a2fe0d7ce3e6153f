"""Every database call of a conversation fails once, with each code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.helpers.world import Table

ROOT = Path(__file__).parents[2]


def calls(table: Table) -> None:
    """Run the test of it at its full size; what it says is printed if it fails."""
    test = "tests/faults/test_store_calls.py"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout=1800", test],
        cwd=ROOT,
        env={**os.environ, "AGENT_RUNNER_EVERY_CALL": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    passed = done.returncode == 0
    if not passed:
        sys.stdout.write(done.stdout[-4000:])
    table.row("every database call fails once, with BUSY, FULL, IOERR and CORRUPT", "done")
    held = "no" if passed else "yes"
    table.row("  a hang, a false acknowledgement or damage", held, "no", ok=passed)
