"""What a CLI did is not done again because its line could not be read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Script, Service, Serving
from tests.helpers.trial import ONCE, WARM, Way, add_agent, ended, start

LINE_BYTES = 1 << 16

UNREADABLE: dict[str, Script] = {
    "unknown type": [{"unknown": "type"}],
    "broken JSON": [{"line": '{"type": "tool_use", "name": "Bash", "input'}],
    "over the limit": [{"long": 2 * LINE_BYTES}],
}
BLOCK = {
    "type": "assistant",
    "message": {"id": "m", "model": "m", "content": [{"type": "tool_of_tomorrow", "id": "t"}]},
    "parent_tool_use_id": None,
}
UPDATE = {
    "jsonrpc": "2.0",
    "method": "session/update",
    "params": {"sessionId": "s", "update": {"sessionUpdate": "tool_of_tomorrow"}},
}
NOTE = {
    "jsonrpc": "2.0",
    "factoryApiVersion": "1.0.0",
    "type": "notification",
    "method": "droid.session_notification",
    "params": {"notification": {"type": "tool_of_tomorrow"}},
}
UNKNOWN_PIECE = {
    ("claude-code", True): BLOCK,
    ("claude-code", False): BLOCK,
    ("gemini", True): UPDATE,
    ("gemini", False): {"type": "tool_of_tomorrow"},
    ("factory-droid", True): NOTE,
    ("factory-droid", False): {"type": "tool_of_tomorrow"},
}


@pytest.mark.anyio
@pytest.mark.parametrize("kind", [*UNREADABLE, "unknown block"])
@pytest.mark.parametrize("way", [*WARM, *ONCE])
async def test_what_cannot_be_read_counts_as_a_deed(
    serving: Serving, tmp_path: Path, way: Way, kind: str
) -> None:
    piece = UNKNOWN_PIECE[way.agent_type, way.warm]
    odd = UNREADABLE.get(kind) or [{"line": json.dumps(piece)}]
    counter = tmp_path / "counter"
    async with serving(line_bytes=LINE_BYTES, **way.limits) as context:
        agent = await add_agent(context, "worker", way.agent_type, tmp_path)
        script: Script = [{"count": str(counter)}, *odd, {"die": -9}]
        active = await start(context, agent, script)
        outcome = await ended(active)
        assert outcome.state == "failed"
        assert active.progress.acted
    assert counter.read_text() == "once\n"


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
@pytest.mark.parametrize("kind", ["nothing", *UNREADABLE, "unknown block"])
def test_a_deed_of_which_nothing_was_read_is_not_done_again_in_tmux(
    make_service: Callable[..., Service], tmp_path: Path, kind: str
) -> None:
    odd: Script = [] if kind == "nothing" else UNREADABLE.get(kind) or [{"line": json.dumps(BLOCK)}]
    counter = tmp_path / "counter"
    service = make_service(tmux={}, line_bytes=LINE_BYTES)
    headless = json.dumps([{"count": str(counter)}, *odd, {"die": -9}])
    service.register("one", env={"SCRIPTED_HEADLESS": headless})
    run: dict[str, Any] = service.run([{"count": str(counter)}, {"text": "Done."}], "one").json()
    run = run.get("run", run)
    if kind == "nothing":
        # The CLI said nothing at all: what it did unheard, nobody can know.
        assert (run["status"], run["form"]) == ("succeeded", "terminal")
        return
    assert (run["status"], run["code"]) == ("failed", "cli_killed")
    assert counter.read_text() == "once\n"


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_what_a_program_of_mere_text_did_is_not_done_again(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    counter, program = tmp_path / "counter", tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho once >>{counter}\necho I did it\nexit 1\n")
    program.chmod(0o755)
    service = make_service(tmux={})
    service.register("one", type="custom", command=[str(program)], terminal={})
    run: dict[str, Any] = service.run("hello", "one").json()
    run = run.get("run", run)
    assert (run["status"], run["code"]) == ("failed", "cli_error")
    assert counter.read_text() == "once\n"
