"""What a chat asks of every real CLI: images, a word into the running turn, settings, forks."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from recorder.cases.shared import SCREENSHOT
from recorder.models import Read, Reply, Shell

from agent_runner.agents.base import Form
from agent_runner.agents.registry import adapter_for
from tests.helpers.frames import data_of
from tests.real.cases import says
from tests.real.world import Agent, Real, wait_until

WORDS = "the words in the file"
PICTURE = SCREENSHOT.data or b""
A_LITTLE = "sleep 0.05"
"""A command that is done again and again; Claude Code refuses a longer `sleep` at the beginning."""


def ask(real: Real, method: str, path: str, body: Any = None) -> Any:
    with real.service.client() as client:
        answer = client.request(method, path, json=body)
    assert answer.status_code < 300, answer.text
    return answer.json()


def upload(real: Real, data: bytes, name: str) -> dict[str, str]:
    with real.service.client(**{"Content-Type": "application/octet-stream"}) as client:
        answer = client.post("/attachments", content=data)
    assert answer.status_code == 201, answer.text
    return {"attachmentId": answer.json()["attachmentId"], "name": name}


def bodies(real: Real) -> list[str]:
    """What was sent to the model, without the marks that JSON puts before quotes."""
    return [json.dumps(request["body"]) for request in real.model.requests()]


def events(real: Real, run: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    with real.service.client() as client:
        text = client.get(f"/runs/{run['runId']}/events").content
    found = [data_of(block) for block in text.split(b"\n\n") if block.startswith(b"id: ")]
    return [event for event in found if event["type"] == kind]


def models(real: Real) -> set[str | None]:
    """Those that the CLI has asked since the last script."""
    found: set[str | None] = set()
    for request in real.model.requests():
        named = re.search("/models/([^/:]+):", request["path"])
        body = request["body"] or {}
        # OpenCode names a model by its provider, too, and has titles written by the default one.
        if named or "title generator" not in json.dumps(body.get("system")):
            found.add(named[1] if named else body.get("model"))
    return found


def ok(run: dict[str, Any]) -> dict[str, Any]:
    assert run.get("status") == "succeeded", json.dumps(run)
    return run


class ChatCases:
    """For one CLI.

    `steers` are the forms that take a prompt into a running turn. `is_told` says whether its warm
    form is told of another model and mode by a message; `modes` are modes to change between.
    `session_keeps_model` is of a CLI whose session goes on with the model that it had last, where
    the agent has none of its own. `reads_unasked` is false for one whose question about a file
    outside of its folder does not say that it would only be read. `names_images` are the forms in
    which an image goes as one, and the CLI tells the model where it lies as well.
    """

    steers: frozenset[Form] = frozenset()
    forks = False
    is_told = False
    session_keeps_model = False
    reads_unasked = True
    names_images: frozenset[Form] = frozenset()
    modes: tuple[str, ...] = ()

    def prompt(self, real: Real, agent: Agent, text: str, *replies: Reply, **more: Any) -> Any:
        real.model.script(list(replies))
        return agent.execute(text, **more)

    def test_an_image(self, real: Real) -> None:
        """Its bytes reach the model, or the CLI is told where it lies and may read it."""
        agent = real.agent("image", **real.cli.tools)
        files = [
            upload(real, PICTURE, "screen shot.png"),
            upload(real, WORDS.encode(), "notes.txt"),
        ]
        run = ok(self.prompt(real, agent, "look", says("Seen."), attachments=files))
        folder = real.root / "state" / "attachments" / "conversations" / run["conversationId"]
        placed = {path.name.partition("-")[2]: path for path in folder.iterdir()}
        asked = " ".join(bodies(real))
        inline = real.form in adapter_for(real.cli.agent).image_forms
        sent = b64encode(PICTURE).decode() if real.cli.keeps_images else '"type": "image"'
        assert (sent in asked) is inline
        named = not inline or real.form in self.names_images
        assert (str(placed["screen shot.png"]) in asked) is named
        assert str(placed["notes.txt"]) in asked
        turns = ask(real, "GET", f"/conversations/{run['conversationId']}")["turns"]
        assert [turn["role"] for turn in turns] == ["user", "assistant"]
        assert [one["name"] for one in turns[0]["attachments"]] == ["screen shot.png", "notes.txt"]
        ok(self.prompt(real, agent, "and now?", says("Still seen.")))
        ask(real, "GET", f"/conversations/{run['conversationId']}/export?format=json")
        assert events(real, agent.last_run(), "session.continued_elsewhere") == []

    def test_a_file_is_read_unasked(self, real: Real) -> None:
        agent = real.agent("reads", **real.cli.tools)
        conversation = ask(real, "POST", f"/agents/{agent.name}/conversations", {})
        files = [upload(real, WORDS.encode(), "notes.txt")]
        number = files[0]["attachmentId"][4:12]
        folder = Path(real.root, "state/attachments/conversations", conversation["conversationId"])
        read = Reply([Read(str(folder / f"{number}-notes.txt"))])
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(
                self.prompt, real, agent, "read it", read, says("Read."), attachments=files
            )
            if not self.reads_unasked:
                self.approve(real, agent)
            run = ok(asked.result())
        assert run["content"] == "Read."
        assert any(WORDS in body for body in bodies(real))
        assert len(events(real, run, "approval.requested")) == (not self.reads_unasked)

    def approve(self, real: Real, agent: Agent) -> None:
        where = f"/approvals?state=pending&agentId={agent.name}"
        wait_until(lambda: bool(ask(real, "GET", where)["approvals"]), "the question")
        (approval,) = ask(real, "GET", where)["approvals"]
        body = {"decision": "approve", "inputHash": approval["inputHash"]}
        ask(real, "POST", f"/approvals/{approval['approvalId']}/decide", body)

    def test_ready_before_the_first_prompt(self, real: Real) -> None:
        agent = real.agent("ready")
        where = f"/agents/{agent.name}/start"
        with real.service.client() as client:
            answer = client.post(where, json={}, timeout=60)
        if real.form not in ("warm", "terminal"):
            assert answer.json()["code"] == "not_kept"
            return
        assert answer.status_code == 200, answer.text
        run = ok(self.prompt(real, agent, "hello", says("Hello.")))
        (started,) = events(real, run, "run.started")
        assert (started["pid"], started["reused"]) == (answer.json()["pid"], True)
        assert run["conversationId"] == answer.json()["conversationId"]

    def test_a_model_and_a_mode_for_one_prompt(self, real: Real) -> None:
        agent = real.agent("settings")
        first = ok(self.prompt(real, agent, "one", says("1")))
        other = real.cli.other_model
        asked = (other or "").rpartition("/")[2]
        assert asked not in models(real)
        if other is not None:
            run = ok(self.prompt(real, agent, "two", says("2"), model=other))
            assert asked in models(real)
            self.assert_applied(real, run, model=other)
            assert run["conversationId"] == first["conversationId"]
            ok(self.prompt(real, agent, "three", says("3")))
            kept = self.session_keeps_model and real.form == "one-shot"
            assert (asked in models(real)) is kept
        for mode in self.modes:
            run = ok(self.prompt(real, agent, mode, says("Yes."), permissionMode=mode))
            self.assert_applied(real, run, permissionMode=mode)
        if real.cli.resumes or real.form != "one-shot":
            assert run["sessionId"] == first["sessionId"]

    def assert_applied(self, real: Real, run: dict[str, Any], **settings: str) -> None:
        (applied,) = events(real, run, "settings.applied")
        assert applied.items() >= settings.items(), (applied, settings)
        how = "message" if self.is_told and real.form == "warm" else "process"
        assert applied["by"] == how, applied

    def test_a_word_into_the_running_turn(self, real: Real) -> None:
        """The model hears it with the tool's result where that is possible; else it waits."""
        agent = real.agent("steered", **real.cli.tools)
        go = agent.cwd / "go"
        real.model.script(
            [Reply([Shell(f"until [ -e {go} ]; do {A_LITTLE}; done")]), says("A."), says("B.")]
        )
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(agent.execute, "run it")
            wait_until(lambda: real.runs_command(str(go)) or first.done(), "the command runs")
            second = pool.submit(agent.execute, "hurry up", busy="steer")
            wait_until(lambda: bool(real.service.queued(agent.name)), "it waits")
            go.touch()
            done, steered = ok(first.result()), ok(second.result())
        turns = ask(real, "GET", f"/conversations/{done['conversationId']}")["turns"]
        if real.form in self.steers:
            assert steered["steeredInto"] == done["runId"]
            assert steered["content"] is None
            assert [turn["content"] for turn in turns[:2]] == ["run it", "hurry up"]
        else:
            (notice,) = [n for n in events(real, steered, "notice") if n["code"] == "not_steered"]
            assert notice
            assert (done["content"], steered["content"]) == ("A.", "B.")
        assert any("hurry up" in body for body in bodies(real))
        run = ok(self.prompt(real, agent, "go on", says("C.")))
        assert run["content"] == "C."
        assert events(real, run, "session.continued_elsewhere") == []

    def test_a_prompt_that_waits_is_edited(self, real: Real) -> None:
        agent = real.agent("edited", **real.cli.tools)
        go = agent.cwd / "go"
        real.model.script(
            [Reply([Shell(f"until [ -e {go} ]; do {A_LITTLE}; done")]), says("A."), says("B.")]
        )
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(agent.execute, "run it")
            wait_until(lambda: real.runs_command(str(go)) or first.done(), "the command runs")
            second = pool.submit(agent.execute, "the first words")
            wait_until(lambda: bool(real.service.queued(agent.name)), "it waits")
            (waiting,) = real.service.queued(agent.name)
            ask(real, "PATCH", f"/runs/{waiting}", {"prompt": "better words"})
            go.touch()
            ok(first.result())
            assert ok(second.result())["content"] == "B."
        asked = " ".join(bodies(real))
        assert "better words" in asked
        assert "the first words" not in asked

    def test_a_fork(self, real: Real) -> None:
        agent = real.agent("forked")
        first = ok(self.prompt(real, agent, "remember APPLES", says("I know APPLES.")))
        ok(self.prompt(real, agent, "remember PEARS", says("I know PEARS.")))
        where = f"/conversations/{first['conversationId']}"
        if not self.forks:
            with real.service.client() as client:
                answer = client.post(f"{where}/fork", json={})
            assert answer.json()["code"] == "fork_unsupported"
            return
        turn = ask(real, "GET", where)["turns"][1]
        copy = ask(real, "POST", f"{where}/fork", {"turnId": turn["turnId"]})
        run = self.prompt(
            real, agent, "what do you know?", says("Apples."),
            conversationId=copy["conversationId"],
        )  # fmt: skip
        assert ok(run)["sessionId"] != first["sessionId"]
        heard = [body for body in bodies(real) if "what do you know?" in body]
        assert any("APPLES" in body and "PEARS" not in body for body in heard)
        run = self.prompt(
            real, agent, "go on", says("Both."), conversationId=first["conversationId"]
        )
        assert ok(run)["sessionId"] == first["sessionId"]
        assert any("APPLES" in body and "PEARS" in body for body in bodies(real))
        turns = ask(real, "GET", f"/conversations/{copy['conversationId']}")["turns"]
        assert [turn["content"] for turn in turns] == [
            *("remember APPLES", "I know APPLES.", "what do you know?", "Apples."),
        ]
