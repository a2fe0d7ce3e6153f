"""The page's own tests, in TypeScript."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

import pytest

NPM = Path(__file__).parents[2] / ".ci" / "npm.py"


@pytest.mark.timeout(300)
def test_they_pass() -> None:
    npm = runpy.run_path(str(NPM))
    if not npm["are_there"]():
        assert os.environ.get("WEB_TESTS") != "required", "web/node_modules is not there"
        pytest.skip("web/node_modules is not there: Node.js or npm could not be had at set-up")
    done = npm["run"]("run", "test", "--", "--passWithNoTests", CI="true", NO_COLOR="1")
    assert done.returncode == 0, done.stdout
