"""Agents over HTTP: register, change, delete, their folders and their conversations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import httpx
import pytest

from tests.conftest import ModuleService, Service


@pytest.fixture(scope="module")
def live(module_service: ModuleService) -> Service:
    return module_service()


@pytest.fixture
def client(live: Service) -> Iterator[httpx.Client]:
    """A client of a service that has only the demo agent."""
    with live.client() as opened:
        yield opened
        for agent in opened.get("/agents").json()["agents"]:
            if agent["agentId"] != "demo":
                opened.delete(f"/agents/{agent['agentId']}")


@pytest.fixture
def folder(live: Service) -> Path:
    """A folder beneath the service's root."""
    return Path(mkdtemp(dir=live.cwd))


@pytest.fixture
def agent(folder: Path) -> dict[str, Any]:
    return {"agentId": "a", "type": "claude-code", "cwd": str(folder)}


def outcome(answer: httpx.Response) -> tuple[int, str]:
    document = answer.json()
    if answer.is_error:
        assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, document.get("code", "")


def test_registering_twice_is_once(client: httpx.Client, agent: dict[str, Any]) -> None:
    first = client.post("/agents/register", json=agent)
    again = client.post("/agents/register", json=agent)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    for change in ({"model": "m"}, {"maxTurns": 3}, {"type": "gemini"}):
        other = client.post("/agents/register", json={**agent, **change})
        assert outcome(other) == (409, "agent_exists")
    assert client.get("/agents/a").json() == first.json()


def test_patch_changes_what_is_given_and_null_resets(
    client: httpx.Client, agent: dict[str, Any], folder: Path, live: Service
) -> None:
    given = {**agent, "model": "m", "maxTurns": 3, "env": {"A": "1"}, "permissions": "allow"}
    client.post("/agents/register", json=given)
    changed = client.patch("/agents/a", json={"model": "n"}).json()["options"]
    assert changed == {
        "cwd": str(folder),
        "model": "n",
        "maxTurns": 3,
        "env": {"A": "*"},
        "permissions": "allow",
    }
    nothing = dict.fromkeys(("model", "maxTurns", "env", "permissions", "cwd"))
    reset = client.patch("/agents/a", json=nothing).json()["options"]
    assert reset == {"cwd": str(live.cwd)}, "the home folder, and nothing else"
    assert client.get("/agents/a").json()["options"] == reset
    before = client.get("/agents/a").json()
    assert outcome(client.patch("/agents/a", json={"maxTurns": 0})) == (422, "invalid_body")
    assert outcome(client.patch("/agents/a", json={"cwd": "/"})) == (403, "cwd_not_allowed")
    assert client.get("/agents/a").json() == before
    assert client.patch("/agents/a", json={}).json()["options"] == reset


def test_secrets_are_shown_as_an_asterisk_which_keeps_them(
    client: httpx.Client, agent: dict[str, Any], folder: Path
) -> None:
    secret = "s3cr3t-0123456789-abcdef"
    script = folder / "tool.sh"
    script.write_text('cat >/dev/null; printf %s "$TRACKER" >told; echo "it is $TRACKER"')
    given = {
        **agent,
        "type": "custom",
        "command": ["/bin/sh", str(script), f"--password={secret}"],
        "env": {"TRACKER": secret, "FLAG": "true"},
    }
    shown = client.post("/agents/register", json=given).json()
    assert shown["options"]["env"] == {"TRACKER": "*", "FLAG": "*"}
    assert shown["options"]["command"] == ["/bin/sh", str(script), "--password=*"]
    assert client.get("/agents/a").json() == shown
    assert secret not in client.get("/agents").text
    again = client.post("/agents/register", json=given)
    assert (again.status_code, again.json()) == (200, shown)
    again = client.post("/agents/register", json={**given, **shown["options"]})
    assert (again.status_code, again.json()) == (200, shown)
    other = {**given, "env": {"TRACKER": "another", "FLAG": "true"}}
    assert outcome(client.post("/agents/register", json=other)) == (409, "agent_exists")

    changed = client.patch("/agents/a", json=shown["options"]).json()
    assert changed["options"] == shown["options"]
    added = client.patch("/agents/a", json={"env": {"TRACKER": "*", "NEW": "n"}}).json()
    assert added["options"]["env"] == {"TRACKER": "*", "NEW": "*"}
    refused = client.patch("/agents/a", json={"env": {"TRACKER": "*", "GONE": "*"}})
    assert outcome(refused) == (422, "nothing_to_keep")
    assert "GONE" in refused.json()["error"]
    unknown = client.post("/agents/register", json={**given, "agentId": "b", "env": {"A": "*"}})
    assert outcome(unknown) == (422, "nothing_to_keep")

    answer = client.post("/agents/a/execute", json={"prompt": "x"}).json()
    assert (folder / "told").read_text() == secret
    assert answer["content"] == f"it is {'*' * len(secret)}"
    log = client.get(f"/agents/a/logs/{answer['runId']}/stdout")
    assert secret not in log.text


def test_an_error_holds_no_secret(client: httpx.Client, agent: dict[str, Any]) -> None:
    secret = "s3cr3t-0123456789-abcdef"
    for body in ({"cwd": f"no/{secret}"}, {"cwd": f"{agent['cwd']}/{secret}"}):
        given = {**agent, **body, "env": {"TRACKER": secret}}
        answer = client.post("/agents/register", json=given)
        assert answer.status_code == 422
        assert f"/{'*' * len(secret)}" in answer.json()["error"]


def test_permissions_are_a_word_or_rules(client: httpx.Client, agent: dict[str, Any]) -> None:
    rules: list[dict[str, Any]] = [
        {"tool": "Bash", "input": {"command": "git *"}, "action": "allow"},
        {"tool": "mcp__*", "action": "deny"},
    ]
    given = {"preset": "readonly", "rules": rules}
    first = client.post("/agents/register", json={**agent, "permissions": given})
    assert first.json()["options"]["permissions"] == given
    again = client.post("/agents/register", json={**agent, "permissions": given})
    assert (first.status_code, again.status_code) == (201, 200)
    for word in ("allow", "deny", "readonly", "full"):
        changed = client.patch("/agents/a", json={"permissions": word}).json()
        assert changed["options"]["permissions"] == word
    changed = client.patch("/agents/a", json={"permissions": {"rules": rules[1:]}}).json()
    assert changed["options"]["permissions"] == {"preset": "ask", "rules": rules[1:]}
    wrong = {"permissions": {"rules": [rules[0], {**rules[1], "action": "maybe"}]}}
    answer = client.patch("/agents/a", json=wrong)
    assert outcome(answer) == (422, "invalid_body")
    assert answer.json()["error"] == (
        "permissions.object.rules.1.action: Input should be 'allow', 'deny' or 'ask'"
    )
    assert client.get("/agents/a").json() == changed
    assert (
        "permissions" not in client.patch("/agents/a", json={"permissions": None}).json()["options"]
    )


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"agentId": ""}, 422, "invalid_body"),
        ({"agentId": "x" * 65}, 422, "invalid_body"),
        ({"agentId": "../x"}, 422, "invalid_body"),
        ({"agentId": ".x"}, 422, "invalid_body"),
        ({"agentId": "-x"}, 422, "invalid_body"),
        ({"agentId": "a/b"}, 422, "invalid_body"),
        ({"agentId": "a b"}, 422, "invalid_body"),
        ({"agentId": "a\n"}, 422, "invalid_body"),
        ({"agentId": "ä"}, 422, "invalid_body"),
        ({"agentId": "a\0"}, 422, "invalid_body"),
        ({"agentId": 1}, 422, "invalid_body"),
        ({"agentId": None}, 422, "invalid_body"),
        ({"type": "nothing"}, 422, "unknown_agent_type"),
        ({"type": ""}, 422, "invalid_body"),
        ({"commMode": "telepathy"}, 422, "invalid_comm_mode"),
        ({"model": ""}, 422, "invalid_body"),
        ({"maxTurns": 0}, 422, "invalid_body"),
        ({"maxTurns": "3"}, 422, "invalid_body"),
        ({"permissions": "perhaps"}, 422, "invalid_body"),
        ({"permissions": ["ask"]}, 422, "invalid_body"),
        ({"permissions": {"preset": "perhaps"}}, 422, "invalid_body"),
        ({"permissions": {"rules": [{"tool": "Bash"}]}}, 422, "invalid_body"),
        ({"permissions": {"rules": [{"tool": "", "action": "deny"}]}}, 422, "invalid_body"),
        ({"permissions": {"rules": [{"tool": "a" * 257, "action": "ask"}]}}, 422, "invalid_body"),
        ({"permissions": {"rules": [{"tool": "a", "action": "ask"}] * 101}}, 422, "invalid_body"),
        ({"permissions": {"words": []}}, 422, "invalid_body"),
        ({"env": {"A=B": "x"}}, 422, "invalid_body"),
        ({"env": {"A": "x\0"}}, 422, "invalid_body"),
        ({"extraArgs": ["--output-format=text"]}, 422, "reserved_option"),
        ({"extraArgs": ["--"]}, 422, "invalid_option"),
        ({"extraArgs": "x"}, 422, "invalid_body"),
        ({"mcpServers": []}, 422, "invalid_body"),
        ({"nonsense": 1}, 422, "invalid_body"),
        ({"type": "custom"}, 422, "missing_command"),
        ({"cwd": "relative"}, 422, "invalid_cwd"),
        ({"cwd": "../x"}, 422, "invalid_cwd"),
        ({"cwd": ""}, 422, "invalid_body"),
        ({"cwd": "/"}, 403, "cwd_not_allowed"),
        ({"cwd": "/etc"}, 403, "cwd_not_allowed"),
        ({"cwd": "~root"}, 403, "cwd_not_allowed"),
        ({"cwd": "~no-such-user-here/x"}, 422, "invalid_cwd"),
        ({"cwd": "/a\0b"}, 422, "invalid_cwd"),
    ],
)
def test_bad_settings_are_refused(
    client: httpx.Client, agent: dict[str, Any], change: dict[str, Any], status: int, code: str
) -> None:
    answer = client.post("/agents/register", json={**agent, **change})
    assert outcome(answer) == (status, code)
    assert [a["agentId"] for a in client.get("/agents").json()["agents"]] == ["demo"]


def test_a_cwd_stays_beneath_the_roots(
    client: httpx.Client, agent: dict[str, Any], folder: Path, live: Service
) -> None:
    inside, loop, file = folder / "inside", folder / "loop", folder / "file"
    inside.mkdir()
    file.touch()
    (folder / "out").symlink_to("/etc")
    (folder / "in").symlink_to(inside)
    loop.symlink_to(loop)
    cases = {
        folder / "out": (403, "cwd_not_allowed"),
        folder / "out" / "ssl": (403, "cwd_not_allowed"),
        inside / ".." / ".." / "..": (403, "cwd_not_allowed"),
        Path(f"{live.cwd}-sibling"): (403, "cwd_not_allowed"),
        folder / "missing": (422, "cwd_missing"),
        file: (422, "cwd_missing"),
        loop: (422, "invalid_cwd"),
        folder / ("é" * (250 - len(str(folder)))): (422, "invalid_cwd"),
    }
    for cwd, expected in cases.items():
        answer = client.post("/agents/register", json={**agent, "cwd": str(cwd)})
        assert outcome(answer) == expected, cwd
    answer = client.post("/agents/register", json={**agent, "cwd": str(folder / "in")})
    assert answer.json()["options"]["cwd"] == str(inside), "what is kept has no symlink in it"


def test_deleting_an_agent_keeps_its_conversations(service: Service) -> None:
    run = service.run("remember me").json()
    conversation = run["conversationId"]
    with service.client() as client:
        assert client.delete("/agents/worker").status_code == 204
        assert outcome(client.get("/agents/worker")) == (404, "agent_not_found")
        assert outcome(client.delete("/agents/worker")) == (404, "agent_not_found")
        kept = client.get(f"/conversations/{conversation}").json()
        assert kept["conversation"]["state"] == "ended"
        assert [turn["content"] for turn in kept["turns"]] == [
            "remember me",
            "echo: remember me",
        ]
        assert client.get(f"/runs/{run['runId']}").status_code == 200
    service.register()
    assert service.run("new").json()["conversationId"] != conversation


def test_a_later_agent_of_the_name_begins_anew(service: Service) -> None:
    with service.client() as client:
        broken = {"agentId": "again", "type": "custom", "command": ["/bin/false"]}
        made = client.post("/agents/register", json=broken).json()
        for _ in range(4):
            last = client.post("/agents/again/execute", json={"prompt": "x"})
        assert outcome(last) == (503, "circuit_open")
        force = {"agentId": "again", "mode": "tmux", "reason": "x", "by": "ann"}
        assert client.post("/api/fallback/agent/force", json=force).status_code == 200
        client.delete("/agents/again")
        whole = {**broken, "command": ["/bin/echo", "fresh"]}
        assert client.post("/agents/register", json=whole).json()["createdAt"] > made["createdAt"]
        answer = client.post("/agents/again/execute", json={"prompt": "x"}).json()
        assert answer["content"] == "fresh"


def test_only_an_agents_own_runs_can_be_cancelled_by_it(service: Service) -> None:
    run = service.run("hello").json()["runId"]
    with service.client() as client:
        cancel = {"runId": run}
        for agent, expected in (("worker", (409, "run_is_over")), ("demo", (404, "run_not_found"))):
            assert outcome(client.post(f"/agents/{agent}/execute/cancel", json=cancel)) == expected


def test_a_wrong_method_is_told_the_right_ones(service: Service) -> None:
    with service.client() as client:
        answer = client.put("/agents/demo")
        assert answer.status_code == 405
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "PATCH", "DELETE"}
        assert client.head("/agents/demo").status_code == 200


def test_an_agent_at_work_cannot_be_deleted(service: Service, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    body = {"prompt": json.dumps([{"wait": str(gate)}])}
    with (
        service.client(Accept="text/event-stream") as client,
        service.client() as other,
        client.stream("POST", "/agents/worker/execute", json=body) as response,
    ):
        held = response.iter_raw()
        next(held)
        assert outcome(other.delete("/agents/worker")) == (409, "agent_busy")
        assert outcome(other.post("/agents/worker/end-session")) == (409, "agent_busy")
        conversation = other.get("/agents/worker/conversation").json()["conversation"]
        path = f"/conversations/{conversation['conversationId']}"
        assert outcome(other.delete(path)) == (409, "conversation_busy")
        gate.touch()
        for _ in held:
            pass


def test_conversations_and_turns_come_in_pages(service: Service) -> None:
    with service.client() as client:
        expected = []
        for number in range(5):
            expected.append(service.run(f"n{number}").json()["conversationId"])
            ended = client.post("/agents/worker/end-session").json()["conversationId"]
            assert ended == expected[-1]
        found: list[str] = []
        before: str | None = ""
        while before is not None:
            query = {"limit": "2", **({"before": before} if before else {})}
            page = client.get("/agents/worker/conversations", params=query).json()
            assert len(page["conversations"]) <= 2
            found += [c["conversationId"] for c in page["conversations"]]
            before = page["nextBefore"]
        assert found == expected[::-1]
        for number in range(3):
            service.run(f"turn {number}")
        turns: list[int] = []
        after: int | None = 0
        while after is not None:
            page = client.get(f"/agents/worker/conversation?limit=4&after={after}").json()
            turns += [turn["seq"] for turn in page["turns"]]
            after = page["nextAfter"]
        assert turns == [1, 2, 3, 4, 5, 6]


def test_a_custom_command_is_an_agent(client: httpx.Client, agent: dict[str, Any]) -> None:
    command = ["sh", "-c", "echo you said: $(cat)"]
    body = {**agent, "type": "custom", "command": command}
    assert client.post("/agents/register", json=body).status_code == 201
    answer = client.post("/agents/a/execute", json={"prompt": "$(id)"}).json()
    assert answer["content"].strip() == "you said: $(id)"


def test_the_demo_agent_answers_without_any_cli(client: httpx.Client) -> None:
    answer = client.post("/agents/demo/execute", json={"prompt": "Hello"}).json()
    assert answer["success"] is True
    assert answer["content"]


def test_two_changes_at_once_are_both_kept(service: Service) -> None:
    with service.client() as one, service.client() as other, ThreadPoolExecutor(2) as pool:
        for turn in range(20):
            changes = {"model": f"m{turn}", "systemPrompt": f"s{turn}"}
            done = [
                pool.submit(client.patch, "/agents/worker", json={name: value})
                for client, (name, value) in zip((one, other), changes.items(), strict=True)
            ]
            assert [answer.result().status_code for answer in done] == [200, 200]
            options = one.get("/agents/worker").json()["options"]
            assert {name: options[name] for name in changes} == changes


@pytest.mark.parametrize("agent_type", ["gemini", "factory-droid"])
@pytest.mark.parametrize(
    "server",
    [
        {"url": "http://x", "headers": ["a"]},
        {"url": "http://x", "headers": {"a": 1}},
        {"command": "x", "env": ["A=b"]},
    ],
    ids=["headers", "header", "env"],
)
def test_mcp_servers_of_another_shape_are_refused(
    client: httpx.Client, agent: dict[str, Any], agent_type: str, server: dict[str, Any]
) -> None:
    body = {**agent, "type": agent_type, "mcpServers": {"a": server}}
    assert outcome(client.post("/agents/register", json=body)) == (422, "invalid_option")


@pytest.mark.parametrize(
    ("agent_type", "option"),
    [
        ("claude-code", {"command": ["/bin/cat"]}),
        ("gemini", {"terminal": {"prompt": ">"}}),
        ("factory-droid", {"dialect": "text"}),
        ("custom", {"command": ["/bin/cat"], "transcript": "x"}),
        ("replay", {"command": ["/bin/cat"]}),
    ],
)
def test_an_option_of_another_type_is_refused(
    client: httpx.Client, agent: dict[str, Any], agent_type: str, option: dict[str, Any]
) -> None:
    body = {**agent, "type": agent_type, **option}
    assert outcome(client.post("/agents/register", json=body)) == (422, "unsupported_option")
