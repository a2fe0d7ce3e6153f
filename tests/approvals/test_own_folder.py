"""An agent does not come to the token with which its own questions are decided."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ModuleService, Script, Service
from tests.helpers.trial import EVERY_WAY, WARM, Way


@pytest.fixture(scope="module")
def live(module_service: ModuleService) -> Service:
    return module_service()


PRESETS = [
    "readonly",
    "ask",
    "allow",
    "full",
    "deny",
    {"rules": [{"tool": "*", "action": "allow"}]},
]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("way", WARM)
def test_no_preset_lets_a_tool_read_it(
    live: Service, tmp_path: Path, way: Way, preset: Any
) -> None:
    name = f"{way.agent_type}-{PRESETS.index(preset)}"
    live.register(name, type=way.agent_type, permissions=preset)
    token = live.state_dir / "token"
    for tool, given in (
        ("Read", {"file_path": str(token)}),
        ("Read", {"file_path": "state/token"}),
        ("Edit", {"file_path": str(token), "old_string": "a", "new_string": "b"}),
        ("Bash", {"command": f"cat {token}"}),
    ):
        log = tmp_path / "log"
        script: Script = [{"ask": tool, "input": given, "log": str(log)}, {"text": "went on"}]
        live.run(script, name)
        assert not log.exists(), (tool, given)
        live.begin_anew(name)
    with live.client() as client:
        assert client.get("/approvals", params={"agentId": name}).json()["approvals"] == []


@pytest.mark.parametrize("way", EVERY_WAY)
def test_the_token_is_masked_in_all_that_a_cli_prints(
    make_service: Callable[..., Service], way: Way
) -> None:
    service = make_service(
        **way.limits,
        hooks={"webhooks": [{"url": "http://127.0.0.1:1/", "secret": "a-webhooks-secret"}]},
    )
    service.register("worker", type=way.agent_type)
    said = f"the token is {service.token}, the secret a-webhooks-secret"
    run = service.run([{"stderr": said}, {"tool": "Read", "output": said}, {"text": said}]).json()
    assert run["success"]
    assert run["content"] == said.replace(service.token, "*" * 32).replace(
        "a-webhooks-secret", "*" * 17
    )
    with service.client() as client:
        for stream in ("stdout", "stderr"):
            log = client.get(f"/agents/worker/logs/{run['runId']}/{stream}").text
            assert service.token not in log
            assert "*" * 32 in log


def test_claude_is_told_to_deny_it_by_itself(
    make_service: Callable[..., Service], fakes: dict[str, str], tmp_path: Path
) -> None:
    """It asks for nothing in its own folder, of which the state folder may be a part."""
    program = tmp_path / "program"
    program.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" >> {tmp_path}/said\nexec {fakes["claude-code"]} "$@"\n'
    )
    program.chmod(0o755)
    service = make_service(programs={"claude-code": str(program)})
    service.register(deniedTools=["WebFetch"])
    assert service.run("hello").json()["success"]
    (told,) = [
        line for line in (tmp_path / "said").read_text().splitlines() if "disallowed" in line
    ]
    assert told.startswith("--disallowedTools=WebFetch,")
    assert f"Read(/{service.state_dir}/token)" in told.split(",")
