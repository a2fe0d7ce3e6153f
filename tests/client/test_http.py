"""The HTTP client of the console command."""

from __future__ import annotations

import pytest

from agent_runner.client.http import trusted


@pytest.mark.parametrize(
    ("url", "secure"),
    [("http://127.0.0.1:8420", False), ("HTTP://a", False), ("https://a", True), ("a:8420", True)],
)
def test_authorities_are_loaded_where_there_is_somebody_to_trust(url: str, secure: bool) -> None:
    assert bool(trusted(url).get_ca_certs()) is secure
    assert trusted(url).check_hostname, "none without them, rather than any"
