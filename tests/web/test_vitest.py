"""The page's own tests, in TypeScript."""

from __future__ import annotations

import pytest

from tests.web.conftest import left_out, script


@pytest.mark.timeout(300)
def test_they_pass() -> None:
    npm = script("npm")
    if not npm.are_there():
        left_out("web/node_modules is not there: Node.js or npm could not be had at set-up")
    done = npm.run("run", "test", "--", "--passWithNoTests", CI="true", NO_COLOR="1")
    assert done.returncode == 0, done.stdout
