"""What the doctor finds, told to pages."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.conftest import Service


def test_the_machine_and_its_clis_are_told_once_a_minute(idle: Service) -> None:
    with idle.client() as client, ThreadPoolExecutor() as pool:
        both = list(pool.map(lambda _: client.get("/api/health/environment").json(), range(2)))
        again = client.get("/api/health/environment").json()
        fresh = client.get("/api/health/environment?fresh=true").json()
        assert client.get("/api/health/environment?fresh=1").json()["code"] == "invalid_parameter"
    found = both[0]
    assert both[1] == again == found
    assert fresh["examinedAt"] > found["examinedAt"]
    claude = next(one for one in found["clis"] if one["type"] == "claude-code")
    assert Path(claude["path"]).name == "claude"
    assert claude["version"]
    assert {"python", "sqlite"} <= {one["name"] for one in found["machine"]}
