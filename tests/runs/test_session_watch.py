"""Somebody goes on with the CLI's session by hand, while our process of it lives, or after it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import to_thread

from agent_runner.runners.session_log import lines_from
from agent_runner.runs import session_watch
from agent_runner.runs.session_watch import SessionWatch
from tests.conftest import Service, Serving
from tests.helpers.frames import data_of, replayed
from tests.helpers.trial import add_agent, ended, start, wait_until

FORMS = [
    pytest.param({}, "headless", id="warm"),
    pytest.param({"warm_processes": 0}, "headless", id="once"),
    pytest.param(
        {"tmux": {}},
        "tmux",
        id="tmux",
        marks=pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
    ),
]


class Chat:
    """An agent whose CLI keeps its sessions in `home`, and a hand beside it."""

    def __init__(self, service: Service, program: Path, home: Path, mode: str) -> None:
        self.service, self.home, self._program = service, home, program
        service.register("worker", commMode=mode, env={"CLAUDE_CONFIG_DIR": str(home)})
        self.conversation = ""
        self.session = ""

    def say(self, prompt: Any) -> dict[str, Any]:
        answer = self.service.run(prompt)
        run: dict[str, Any] = answer.json()
        assert run.get("status") == "succeeded", run
        self.conversation, self.session = run["conversationId"], run["sessionId"]
        return run

    def by_hand(self, prompt: Any) -> None:
        """`claude -p --resume` in a terminal of somebody's own."""
        text = prompt if isinstance(prompt, str) else json.dumps(prompt)
        line = {"type": "user", "message": {"role": "user", "content": text}}
        subprocess.run(
            [self._program, "-p", f"--resume={self.session}"],
            env={"PATH": os.environ["PATH"], "CLAUDE_CONFIG_DIR": str(self.home)},
            input=json.dumps(line) + "\n",
            text=True,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def turns(self) -> list[tuple[str, bool]]:
        """What was said, and whether it belongs to a run."""
        with self.service.client() as client:
            page = client.get(f"/conversations/{self.conversation}").json()
        return [(turn["content"], turn["runId"] is not None) for turn in page["turns"]]

    def events(self) -> list[dict[str, Any]]:
        with self.service.client() as client:
            page = client.get(f"/conversations/{self.conversation}").json()
            last = page["conversation"]["lastEventSeq"]
            return [data_of(block) for block in replayed(client, self.conversation, last)]

    def pids(self) -> set[int]:
        with self.service.client() as client:
            found = client.get("/agents/processes/status").json()["processes"]
        return {process["pid"] for process in found}

    def settled(self) -> None:
        """Wait until what our turns have written is known."""
        size = next(self.home.glob("projects/*/*.jsonl")).stat().st_size

        def known() -> bool:
            database = sqlite3.connect(self.service.state_dir / "agent-runner.db")
            with database:
                ((mark,),) = database.execute("SELECT session_mark FROM conversations")
            database.close()
            return bool(mark) and json.loads(mark).get("offset") == size

        wait_until(known)


@pytest.fixture
def chat(
    make_service: Callable[..., Service], fake_claude: Path, tmp_path: Path
) -> Callable[..., Chat]:
    def begin(limits: dict[str, Any], mode: str = "headless") -> Chat:
        return Chat(make_service(**limits), fake_claude, tmp_path / "claude", mode)

    return begin


@pytest.mark.parametrize("quick", [True, False], ids=["at once", "later"])
@pytest.mark.parametrize(("limits", "mode"), FORMS)
def test_what_was_said_there_comes_into_the_conversation(
    chat: Callable[..., Chat], limits: dict[str, Any], mode: str, quick: bool
) -> None:
    talk = chat(limits, mode)
    talk.say("APPLES")
    before = talk.pids()
    if not quick:
        talk.settled()
    talk.by_hand("PEARS")
    session = talk.session
    run = talk.say("both?")
    assert run["sessionId"] == session
    assert talk.turns() == [
        ("APPLES", True),
        ("echo: APPLES", True),
        ("PEARS", False),
        ("echo: PEARS", False),
        ("both?", True),
        ("echo: both?", True),
    ]
    (told,) = [e for e in talk.events() if e["type"] == "session.continued_elsewhere"]
    assert (told["sessionId"], len(told["turnIds"]), told.get("runId")) == (session, 2, None)
    assert not before & talk.pids(), "the process that did not know it lives on"
    after = talk.pids()
    talk.say("again")
    assert talk.pids() == after or mode == "headless"
    assert len(talk.turns()) == 8


@pytest.mark.parametrize(("limits", "mode"), FORMS)
def test_our_own_turns_are_no_other_hands(
    chat: Callable[..., Chat], limits: dict[str, Any], mode: str
) -> None:
    """Prompts of every shape, at once and later, a run that fails, and a restart between."""
    talk = chat(limits, mode)
    prompts = ["one", "one", "two\n\tlines  ", "<b>three</b>", '"four"', "five \u00e9"]
    for number, prompt in enumerate(prompts):
        talk.say(prompt)
        if number % 2:
            talk.settled()
    talk.service.run([{"tool": "Bash", "input": {"command": "ls"}}, {"error": "no", "status": 529}])
    talk.service.restart()
    talk.say("six")
    talk.settled()
    talk.say("seven")
    assert all(owned for _, owned in talk.turns())
    assert not [e for e in talk.events() if e["type"] == "session.continued_elsewhere"]


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_what_is_typed_in_our_own_ui_comes_in_and_the_ui_lives_on(
    chat: Callable[..., Chat],
) -> None:
    talk = chat({"tmux": {}}, "tmux")
    talk.say("APPLES")
    talk.settled()
    before = talk.pids()
    with talk.service.client() as client:
        shown = client.get("/agents/worker/terminal").json()
    words = ["tmux", "-S", "t", "send-keys", "-t", shown["session"], "PEARS", "Enter"]
    subprocess.run(words, cwd=Path(shown["socket"]).parent, check=True)
    wait_until(lambda: "echo: PEARS" in next(talk.home.glob("projects/*/*.jsonl")).read_text())
    talk.say("both?")
    assert [text for text, owned in talk.turns() if not owned] == ["PEARS", "echo: PEARS"]
    assert talk.pids() == before


def test_a_secret_that_was_said_by_hand_is_masked(chat: Callable[..., Chat]) -> None:
    talk = chat({})
    secret = "sk-canary-0123456789abcdef"
    env = {"CLAUDE_CONFIG_DIR": str(talk.home), "API_KEY": secret}
    with talk.service.client() as client:
        client.patch("/agents/worker", json={"env": env})
    talk.say("APPLES")
    talk.by_hand(f"it is {secret}")
    talk.say("both?")
    said = [text for text, owned in talk.turns() if not owned]
    assert said == [f"it is {'*' * len(secret)}", f"echo: it is {'*' * len(secret)}"]


def test_after_a_kill_and_a_restart(chat: Callable[..., Chat]) -> None:
    talk = chat({})
    talk.say("APPLES")
    talk.service.stop(signal.SIGKILL)
    talk.by_hand("PEARS")
    talk.by_hand([{"text": "A word."}, {"text": "The last word."}])
    talk.service.start()
    talk.say("both?")
    said = [text for text, owned in talk.turns() if not owned]
    assert [said[0], said[1], said[3]] == ["PEARS", "echo: PEARS", "The last word."]
    assert len(said) == 4


def test_it_stands_before_a_prompt_that_waited(chat: Callable[..., Chat], tmp_path: Path) -> None:
    """By hand while a run is on and another waits: the second one's process knows it."""
    talk = chat({})
    talk.say("APPLES")
    gate, here = tmp_path / "gate", tmp_path / "here"
    first = [{"touch": str(here)}, {"wait": str(gate)}, {"text": "first"}]
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(talk.say, first)
        wait_until(here.exists)
        waiting = pool.submit(talk.service.run, "second")
        wait_until(lambda: bool(talk.service.queued("worker")))
        talk.by_hand("PEARS")
        gate.touch()
        running.result(30)
        assert waiting.result(30).json()["content"] == "echo: second"
    said = [text for text, owned in talk.turns() if not owned]
    assert said == ["PEARS", "echo: PEARS"]


def test_a_file_that_was_written_anew_or_is_gone_is_no_error(chat: Callable[..., Chat]) -> None:
    talk = chat({})
    talk.say("one")
    talk.settled()
    (file,) = talk.home.glob("projects/*/*.jsonl")
    file.write_text('{"torn": ')
    talk.say("two")
    file.unlink()
    talk.say("three")
    assert all(owned for _, owned in talk.turns())


@pytest.mark.anyio
async def test_a_slow_reading_does_not_put_the_mark_back(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one after our turn has read the file, another hand writes, and a prompt comes."""
    env = {"CLAUDE_CONFIG_DIR": str(tmp_path)}
    async with serving() as context:
        agent = await add_agent(context, "worker", "claude-code", tmp_path, env=env)
        active = await start(context, agent, "APPLES")
        await ended(active)
        watch = SessionWatch(context.store, context.bus, context.runner)
        of = (agent.type, active.spec.options, active.run.conversation_id)
        (file,) = tmp_path.glob("projects/*/*.jsonl")
        read, go_on = threading.Event(), threading.Event()

        def slow(path: Path, begin: int) -> tuple[list[bytes], int]:
            found = lines_from(path, begin)
            if not read.is_set():
                read.set()
                assert go_on.wait(20)
            return found

        monkeypatch.setattr(session_watch, "lines_from", slow)
        looked = anyio.Event()

        async def look() -> None:
            await watch.look(*of)
            looked.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch.settle, *of)
            await to_thread.run_sync(read.wait)
            said = {"type": "user", "uuid": "theirs", "message": {"content": "PEARS"}}
            with file.open("a") as chat:
                chat.write(json.dumps(said) + "\n")
            tasks.start_soon(look)
            with anyio.move_on_after(1):
                await looked.wait()
            go_on.set()
        await watch.look(*of)
        turns = await context.store.conversations.turns(
            active.run.conversation_id, after=0, limit=99
        )
        assert [turn.content for turn in turns if turn.run_id is None] == ["PEARS"]
