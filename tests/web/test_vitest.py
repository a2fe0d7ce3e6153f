"""The page's own tests, in TypeScript."""

from __future__ import annotations

import pytest

from tests.web.conftest import left_out, script


@pytest.mark.timeout(300)
def test_they_pass() -> None:
    npm = script("npm")
    if not npm.are_there():
        left_out("web/node_modules is not there: Node.js or npm could not be had at set-up")
    # How long one takes says nothing on a machine that is shared.
    done = npm.run("run", "test", "--", "--testTimeout=60000", CI="true")
    if done.returncode:
        pytest.fail(done.stdout, pytrace=False)
