"""The real CLIs, driven by the service over HTTP (`make test-real`)."""

import pytest

pytest.register_assert_rewrite("tests.real.world", "tests.real.cases")
