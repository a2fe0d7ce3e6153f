"""The HTTP client of the console command."""

from __future__ import annotations

import pytest

from agent_runner.client.http import is_secure


@pytest.mark.parametrize(
    ("url", "secure"),
    [("http://127.0.0.1:8420", False), ("HTTP://a", False), ("https://a", True), ("a:8420", True)],
)
def test_certificates_are_verified_where_there_are_any(url: str, secure: bool) -> None:
    assert is_secure(url) is secure
