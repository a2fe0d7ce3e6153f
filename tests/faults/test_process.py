"""Faults 36 to 39: a CLI that cannot be started, and what must not get onto its command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Service, Serving
from tests.helpers.trial import EVERY_WAY, ONE_WAY_EACH, Way, add_agent, ended, start, suffer

pytestmark = pytest.mark.anyio


def missing(path: Path) -> None:
    """Nothing is there."""


def not_executable(path: Path) -> None:
    path.write_text("#!/bin/sh\necho no\n")
    path.chmod(0o644)


def folder(path: Path) -> None:
    path.mkdir()


def not_a_program(path: Path) -> None:
    path.write_bytes(b"\x7fno program\0" * 10)
    path.chmod(0o755)


def without_interpreter(path: Path) -> None:
    path.write_text("#!/nonexistent/interpreter\n")
    path.chmod(0o755)


@pytest.mark.fault(36)
@pytest.mark.parametrize("way", ONE_WAY_EACH)
@pytest.mark.parametrize(
    ("make", "code"),
    [
        (missing, "cli_not_found"),
        (not_executable, "cli_not_found"),
        (folder, "cli_not_found"),
        (not_a_program, "spawn_failed"),
        (without_interpreter, "spawn_failed"),
    ],
)
async def test_no_program(serving: Serving, tmp_path: Path, way: Way, make: Any, code: str) -> None:
    program = tmp_path / "program"
    make(program)
    trial = await suffer(serving, tmp_path, way, "hello", program=program)
    assert (trial.run.state, trial.run.code) == ("failed", code)
    assert str(program) in (trial.run.error or "")
    if code == "cli_not_found":
        assert (trial.run.error or "").startswith(f"{program} is no file that can be run")
        assert "install" in (trial.run.hint or "") or "set " in (trial.run.hint or "")


@pytest.mark.fault(37)
@pytest.mark.parametrize("way", ONE_WAY_EACH)
@pytest.mark.parametrize("there", ["nothing", "file"])
async def test_no_cwd(serving: Serving, tmp_path: Path, way: Way, there: str) -> None:
    """The folder is named, not the program; once it is there the agent works."""
    cwd = tmp_path / "gone"
    if there == "file":
        cwd.touch()
    trial = await suffer(serving, tmp_path, way, "hello", cwd=cwd)
    assert (trial.run.state, trial.run.code) == ("failed", "cwd_missing")
    assert str(cwd) in (trial.run.error or "")
    cwd.unlink(missing_ok=True)
    cwd.mkdir()
    async with serving(**way.limits) as context:
        agent = await add_agent(context, "again", way.agent_type, cwd)
        assert (await ended(await start(context, agent, "hello"))).answer == "echo: hello"


@pytest.mark.fault(38)
@pytest.mark.parametrize("way", ONE_WAY_EACH)
async def test_prompt_longer_than_an_argument(serving: Serving, tmp_path: Path, way: Way) -> None:
    prompt = "p" * 1_000_000
    trial = await suffer(serving, tmp_path, way, prompt)
    assert (trial.run.state, trial.answer) == ("succeeded", f"echo: {prompt}")


@pytest.mark.fault(38)
@pytest.mark.parametrize("way", ONE_WAY_EACH)
async def test_command_line_too_long(serving: Serving, tmp_path: Path, way: Way) -> None:
    words = [f"--word{number}={'x' * 4000}" for number in range(700)]
    trial = await suffer(serving, tmp_path, way, "hello", options={"extraArgs": words})
    assert (trial.run.state, trial.run.code) == ("failed", "spawn_failed")
    assert "Argument list too long" in (trial.run.error or "")


REFUSALS = ("invalid_json", "invalid_body", "invalid_option", "invalid_cwd")


@pytest.mark.fault(39)
@pytest.mark.parametrize("agent_type", ["claude-code", "gemini", "factory-droid"])
@pytest.mark.parametrize("text", ["a\0b", "\ud800"], ids=["nul", "surrogate"])
@pytest.mark.parametrize(
    "options",
    [
        lambda text: {"extraArgs": [f"--x={text}"]},
        lambda text: {"model": text},
        lambda text: {"cwd": f"/tmp/{text}"},
        lambda text: {"env": {"NAME": text}},
        lambda text: {"systemPrompt": text},
        lambda text: {"allowedTools": [text]},
    ],
    ids=["argument", "model", "cwd", "env", "system prompt", "tool"],
)
def test_what_a_command_line_cannot_hold(
    live: Service, agent_type: str, text: str, options: Any
) -> None:
    body = {"agentId": "bad", "type": agent_type, "cwd": str(live.cwd), **options(text)}
    with live.client(**{"Content-Type": "application/json"}) as client:
        answer = client.post("/agents/register", content=json.dumps(body))
        known = [agent["agentId"] for agent in client.get("/agents").json()["agents"]]
    if "systemPrompt" in body and text == "a\0b":
        # It goes by file, which holds a NUL as well as any other character.
        assert answer.status_code == 201
        with live.client() as client:
            assert client.delete("/agents/bad").status_code == 204
        return
    assert answer.status_code in (400, 422)
    assert answer.json()["code"] in (
        "invalid_json",
        "invalid_body",
        "invalid_option",
        "invalid_cwd",
    )
    assert "bad" not in known


@pytest.mark.fault(39)
@pytest.mark.parametrize("prompt", ["a\0b", "\ud800"], ids=["nul", "surrogate"])
def test_a_prompt_that_is_no_text(live: Service, prompt: str) -> None:
    with live.client(**{"Content-Type": "application/json"}) as client:
        body = json.dumps({"prompt": prompt})
        answer = client.post("/agents/worker/execute", content=body)
    assert answer.status_code in (400, 422)
    assert answer.json()["code"] in ("invalid_json", "invalid_prompt")


@pytest.mark.fault(36)
@pytest.mark.parametrize("way", EVERY_WAY)
async def test_a_program_whose_interpreter_lies_beside_it(
    serving: Serving, tmp_path: Path, fakes: dict[str, str], way: Way
) -> None:
    """As nvm installs a CLI: only the folder of the link has what `#!/usr/bin/env` looks for."""
    folder = tmp_path / "nvm/bin"
    folder.mkdir(parents=True)
    interpreter = folder / "some-node-of-ours"
    interpreter.write_text(f'#!/bin/sh\nshift\nexec "{fakes[way.agent_type]}" "$@"\n')
    script = tmp_path / "nvm/lib/cli.js"
    script.parent.mkdir()
    script.write_text("#!/usr/bin/env some-node-of-ours\n")
    for file in (interpreter, script):
        file.chmod(0o755)
    (folder / "cli").symlink_to(script)
    trial = await suffer(serving, tmp_path, way, "hello", program=folder / "cli")
    assert (trial.run.state, trial.answer) == ("succeeded", "echo: hello")
