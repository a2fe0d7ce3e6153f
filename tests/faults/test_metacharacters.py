"""No value is read as a language: nothing runs that only a value names, and each arrives as it is.

A program `pwned` is first in every PATH; the values run it wherever a shell, tmux, git, a glob or a
template takes one for its own text.
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent_runner import quoting
from tests.cli.test_commands import call
from tests.conftest import SCRIPTED, Script
from tests.faults.hostile_place import PLACES, Base, serving_in, written
from tests.mirrors.test_mirrors import until

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
REPL = SCRIPTED.with_name("repl.py")
SHOWN = (
    *("#(pwned)", "y#(pwned)", "#{session_name}", "a;", ";", ";pwned;", "$(pwned)", "`pwned`"),
    *("'; pwned; '", '"; pwned; "', "{url}", "a=b", "%(pwned)", "*", "--", "~"),
)
"""For a UI that is read from the screen."""

QUERY = ("after", "before", "agentId", "type", "state", "limit", "scope", "name", "since", "format")


@pytest.fixture(scope="module", params=PLACES)
def base(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    fakes: dict[str, str],
) -> Iterator[Base]:
    with serving_in(request.param, tmp_path_factory.mktemp("around"), fakes) as made:
        yield made


@pytest.fixture(autouse=True)
def untouched(base: Base) -> Iterator[None]:
    yield
    assert base.trap.sprung == []


def value(payload: str) -> str:
    """As a variable's value, where `*` alone is the one that was there."""
    return "x*" if payload == "*" else payload


def options(payload: str, agent_type: str) -> dict[str, Any]:
    """Every option of the type that takes any text."""
    made: dict[str, Any] = {
        "model": payload,
        "systemPrompt": payload,
        "extraArgs": [f"--extra={payload}", "--more", f"x{payload}"],
        "env": {"A_PATH": value(payload)},
    }
    if payload.strip():
        made["allowedTools"] = [payload]
    if payload.strip() and agent_type != "gemini":
        made["deniedTools"] = [payload]
    if agent_type == "claude-code":
        made["mcpServers"] = {
            payload: {"command": "true", "args": [payload], "env": {"B_PATH": value(payload)}},
            "remote": {"type": "http", "url": f"http://127.0.0.1/{payload}"},
        }
    return made


def arrived(folder: Path, payload: str, given: dict[str, Any]) -> None:
    """The run was in its folder, and its CLI was given each value as it is."""
    told = json.loads((folder / "report.json").read_text())
    words = told["argv"]
    assert told["cwd"] == str(folder)
    assert told["env"]["A_PATH"] == value(payload)
    assert [word for word in given["extraArgs"] if word not in words] == []
    if "stream-jsonrpc" in "".join(words):
        return  # all else of Droid's goes by its protocol
    assert f"--model={payload}" in words
    assert payload in told["files"].values()
    assert "allowedTools" not in given or any(
        word.endswith(f"={payload}") for word in words if "tools" in word.lower()
    )
    if "mcpServers" in given and "--strict-mcp-config" in words:
        (servers,) = [text for text in told["files"].values() if text.startswith('{"mcpServers"')]
        assert json.loads(servers)["mcpServers"] == given["mcpServers"]


def ran(base: Base, name: str, payload: str) -> None:
    """The CLI tells what it was given, says the payload everywhere, and echoes it as a prompt."""
    steps: Script = [
        {"report": "report.json"},
        {"tool": payload, "input": {payload: payload, "command": payload}, "output": payload},
        {"text": f"said {payload}"},
    ]
    answer = base.live.run(steps, name, metadata={payload: payload}).json()
    assert answer.get("status") == "succeeded", answer
    assert answer["content"].strip() == f"said {payload}".strip()
    answer = base.live.run(f"say {payload}", name).json()
    if answer.get("code") == "prompt_refused":
        return
    assert answer["status"] == "succeeded", answer
    assert answer["content"].rstrip() == f"echo: say {payload}".rstrip()


@pytest.mark.parametrize("agent_type", ["claude-code", "gemini", "factory-droid"])
def test_headless(base: Base, agent_type: str) -> None:
    def check(number: int, payload: str) -> None:
        folder, name = base.project(payload, agent_type), f"{agent_type}{number}"
        given = options(payload, agent_type)
        base.live.register(name, type=agent_type, cwd=str(folder), **given)
        ran(base, name, payload)
        arrived(folder, payload, given)

    base.each(check)


@needs_tmux
def test_in_tmux(base: Base) -> None:
    def check(number: int, payload: str) -> None:
        folder, name = base.project(payload, "tmux"), f"tmux{number}"
        given = options(payload, "claude-code")
        given["env"]["CLAUDE_CONFIG_DIR"] = str(base.project(payload, "homes"))
        base.live.register(name, cwd=str(folder), commMode="tmux", **given)
        ran(base, name, payload)
        arrived(folder, payload, given)

    base.each(check)


@needs_tmux
def test_a_session_goes_on_in_another_ui(base: Base) -> None:
    """Its transcript is found again in folders whose names are patterns."""
    folder, home = base.project("[a]*?#(pwned)", "again"), base.project("[!b]{url}", "again")
    env = {"CLAUDE_CONFIG_DIR": str(home)}
    base.live.register("again", cwd=str(folder), commMode="tmux", env=env)
    first = base.live.run("one", "again").json()
    base.live.restart()
    second = base.live.run("two", "again").json()
    assert (second.get("status"), second["content"]) == ("succeeded", "echo: two"), second
    assert second["sessionId"] == first["sessionId"]


def test_a_command_of_the_users(base: Base) -> None:
    """Its path and its words."""

    def check(number: int, payload: str) -> None:
        folder = base.project(payload, "custom")
        prints = 'cat > said; printf "%s|" "$PWD" "$@"'
        program = written(folder / f"{payload.lstrip('-')}x", prints)
        words = [payload, f"--x={payload}"]
        command = {"command": [str(program), payload], "extraArgs": words}
        base.live.register(f"custom{number}", type="custom", cwd=str(folder), **command)
        answer = base.live.run(f"say {payload}", f"custom{number}").json()
        assert answer.get("status") == "succeeded", answer
        assert answer["content"] == "|".join([str(folder), payload, *words, ""])
        assert (folder / "said").read_text() == f"say {payload}"

    base.each(check)


@needs_tmux
def test_a_command_of_the_users_in_tmux(base: Base) -> None:
    def check(number: int, payload: str) -> None:
        folder = base.project(payload, "screen")
        repl = shlex.join([sys.executable, "-S", str(REPL)])
        program = written(folder / f"{payload}x", f'printf "%s|" "$PWD" "$@" > told; exec {repl}')
        keys = {"submit": ["Enter"], "clear": ["C-u"], "interrupt": [";", "C-;"]}
        base.live.register(
            f"screen{number}",
            type="custom",
            cwd=str(folder),
            commMode="tmux",
            command=[str(program), payload],
            extraArgs=[payload],
            terminal=keys,
        )
        answer = base.live.run(f"say {payload}", f"screen{number}").json()
        assert answer.get("status") == "succeeded", answer
        assert answer["content"].strip() == f"echo: say {payload}".strip()
        assert (folder / "told").read_text() == "|".join([str(folder), payload, payload, ""])

    base.each(check, [text for text in SHOWN if text in base.payloads])


def test_what_a_cli_prints(base: Base) -> None:
    """Names of its session, which a later run resumes with, and of its files."""
    folder = base.project("x", "printed")
    base.live.register("printed", cwd=str(folder), env={"SCRIPTED_MEMORY": ""})
    for payload in base.payloads:
        end = {"type": "result", "subtype": "success", "is_error": False, "result": payload}
        init = {"type": "system", "subtype": "init", "cwd": payload, "model": payload}
        lines = [{**line, "session_id": payload, "uuid": payload} for line in (init, end)]
        steps = [{"line": json.dumps(line)} for line in lines]
        answer = base.live.run([*steps, {"die": 0}], "printed").json()
        assert answer.get("status") in ("succeeded", "failed"), answer
    base.live.begin_anew("printed")
    answer = base.live.run("and on", "printed").json()
    assert answer["content"] == "echo: and on"


def test_what_is_asked_and_answered(base: Base) -> None:
    """The tool's name and input to the hook command, the person's words to the CLI."""

    def check(number: int, payload: str) -> None:
        folder, name = base.project(payload, "asked"), f"asked{number}"
        base.live.register(name, cwd=str(folder), approvalDeciders=[payload])
        ask = {"ask": payload, "input": {payload: payload, "command": payload}}
        with base.live.client() as client, ThreadPoolExecutor(1) as pool:
            answer = pool.submit(base.live.run, [{**ask, "log": "log"}, {"text": "x"}], name)
            approval = until(lambda: pending(client, name))
            where = f"/approvals/{approval['approvalId']}"
            body = {"by": payload, "message": payload, "inputHash": approval["inputHash"]}
            body |= {"decision": "approve", "updatedInput": {payload: payload}}
            decided = client.post(f"{where}/decide", json=body)
            assert decided.status_code == 200, decided.text
            assert answer.result().json()["status"] == "succeeded"
            assert client.get(where).json()["decidedBy"] == payload
        assert json.loads((folder / "log").read_text()) == {payload: payload}

    base.each(check)
    told = base.folder / "told"
    until(lambda: len(list(told.glob("appr_*"))) == len(base.payloads))
    asked = [json.loads(file.read_text())["approval"] for file in told.glob("appr_*")]
    assert {one["tool"] for one in asked} == set(base.payloads)
    assert all(one["input"][one["tool"]] == one["tool"] for one in asked)


def pending(client: httpx.Client, name: str) -> Any:
    found = client.get("/approvals", params={"state": "pending", "agentId": name}).json()
    return next((one for one in found["approvals"] if one["agentId"] == name), None)


def test_what_a_client_sends(base: Base) -> None:
    """Names, headers, query values, and texts that are only kept: an answer, and no fault."""
    base.live.register("faces")

    def check(number: int, payload: str) -> None:
        with base.live.client() as client:
            answers = [
                client.post("/agents/register", json={"agentId": payload, "type": "claude-code"}),
                client.post("/agents/register", json={"agentId": "x", "type": payload}),
                *(
                    client.get(quoting.path(*words))
                    for words in (
                        ("agents", payload), ("agents", payload, "terminal"), ("runs", payload),
                        ("agents", "faces", "logs", payload, payload), ("approvals", payload),
                        ("conversations", payload), ("replies", payload),
                        ("api", "shadow-mode", "comparisons", payload),
                    )
                ),
                *(
                    client.get(where, params=dict.fromkeys(QUERY, payload))
                    for where in ("/approvals", "/api/fallback/audit", "/api/shadow-mode/report",
                                  "/agents/faces/conversations")
                ),
            ]  # fmt: skip
            assert [answer for answer in answers if answer.status_code >= 500] == []
            if payload.isascii() and payload.isprintable() and payload == payload.strip():
                headers = {"X-Request-Id": payload, "Last-Event-ID": payload}
                headers["Idempotency-Key"] = payload
                sent = client.post("/agents/faces/send", json={"content": payload}, headers=headers)
                assert sent.status_code < 500
            reason = {"type": "gemini", "reason": payload, "by": payload}
            assert client.post("/api/fallback/cli/disable", json=reason).status_code == 200
            sent = client.post("/agents/faces/send", json={"content": payload, "sender": payload})
            ticket = {"ticketId": sent.json()["ticketId"], "content": payload, "by": payload}
            assert client.post("/replies", json=ticket).status_code < 300

    base.each(check)
    with base.live.client() as client:
        page = client.get("/api/fallback/audit", params={"limit": 200}).json()
        client.post("/api/fallback/clear-all", json={})
    assert {entry["reason"] for entry in page["entries"]} >= set(base.payloads)


def test_what_is_typed_at_a_shell(base: Base) -> None:
    """The console command's own arguments, and the files that it is told of."""
    folder = base.project("y#(pwned)", "console")
    code, out, err = call(base.live, "db", "backup", "--json")
    assert code == 0, err
    backup = Path(json.loads(out)["path"])
    for number, payload in enumerate(base.payloads):
        name = f"console{number}"
        words = ("--type", "claude-code", "--cwd", str(folder), f"--model={payload}")
        assert call(base.live, "agents", "add", name, *words)[0] == 0
        code, out, err = call(base.live, "exec", name, f"say {payload}")
        assert code == 0, err
        assert out == f"echo: say {payload}\n" or not payload.isprintable()
        argv = (("agents", "show"), ("attach", "--show"), ("approvals", "show"))[number % 3]
        assert call(base.live, *argv, "--", payload)[0] not in (0, 70), argv
    base.live.stop()
    for payload in (one for one in base.payloads if set(one) & set("?%#;:*[$")):
        copy = shutil.copy(backup, folder / f"{payload}.db")
        code, _, err = call(base.live, "db", "restore", "--", str(copy))
        assert code == 0, err
    base.live.start()
