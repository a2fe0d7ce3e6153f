"""A service whose CLI is the real one, and a prompt to it that is checked three ways.

The model behind the CLI is a stand-in on the loopback that plays scripts; everything between
the HTTP request and the CLI's own requests to its model is real.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
from recorder.models import ModelServer, Reply

from agent_runner.agents.base import Form
from agent_runner.agents.registry import INSTALLED
from agent_runner.process.identity import MARKER
from tests.conftest import Service
from tests.helpers.frames import blocks, data_of, replayed, seq_of
from tests.real.clis import Cli

GRACE_MS = 4000
PATIENCE_S = 90.0


def wait_until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(0.02)


class Real:
    """One service that drives one CLI in one form, in a home of its own."""

    def __init__(self, cli: Cli, form: Form, program: Path, root: Path, model: ModelServer) -> None:
        self.cli, self.form, self.model, self.root = cli, form, model, root
        self.program = program
        self.home = root / "home"
        for folder in (self.home, root / "tmp", root / "work"):
            folder.mkdir(parents=True, mode=0o700)
        for name, text in cli.suite.home_files.items():
            file = self.home / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self._fill(text))
        config = root / "config.yaml"
        settings = {
            "allowed_roots": [str(root)],
            "programs": {cli.agent: str(program)} if cli.agent in INSTALLED else {},
            "limits": {
                "warm_processes": 0 if form is Form.ONE_SHOT else 8,
            },
            "supervision": {
                "cancel_grace_ms": GRACE_MS,
                "command_ms": int(PATIENCE_S * 1000),
                "drain_ms": 0,
            },
        }
        config.write_text(json.dumps(settings))
        argv = [sys.executable, "-m", "agent_runner.cli.main", "serve", "--port", "0"]
        argv += ["--state-dir", str(root / "state"), "--config", str(config)]
        # As a user's shell would have it: the CLI's own variables stand in our environment.
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "TMPDIR": str(root / "tmp"),
            "USER": "user",
            "SHELL": "/bin/bash",
            "LANG": "C.UTF-8",
            **{name: self._fill(value) for name, value in cli.suite.env.items()},
        }
        self.service = Service(argv, self.env, root)
        self.service.start()

    def _fill(self, text: str) -> str:
        return text.replace("{home}", str(self.home)).replace("{url}", self.model.url)

    def agent(self, name: str, cwd: Path | None = None, **options: Any) -> Agent:
        """Register an agent, with a project folder of its own if it is given none."""
        if cwd is None:
            cwd = self.root / "work" / name
            cwd.mkdir()
            (cwd / "a.txt").write_text("alpha\nbeta\n")
        if self.form is Form.TERMINAL:
            options = {"commMode": "tmux", **options}
        given = {"env": self.cli.env, **self.cli.suite.options, **options}
        if "command" in given:
            given["command"] = [str(self.program), *given["command"][1:]]
        self.service.register(name, type=self.cli.agent, cwd=str(cwd), **given)
        return Agent(self, name, cwd)

    def processes(self) -> list[psutil.Process]:
        """What runs of this service's CLI and of all it started, by what they inherit."""
        needles = (f"HOME={self.home}\0".encode(), f"{MARKER}=".encode())
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(OSError, psutil.Error):
                environ = Path(f"/proc/{process.pid}/environ").read_bytes()
                if all(needle in environ for needle in needles):
                    found.append(process)
        return found

    def runs_command(self, text: str) -> bool:
        """True if a tool of the CLI runs a command that holds `text`."""
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                if text in " ".join(process.cmdline()):
                    return True
        return False

    def kill_cli(self, agent: str) -> None:
        """SIGKILL the agent's CLI itself, as the machine may, and see it gone.

        A large process dies slowly: what it is told meanwhile, nobody knows whether it heard.
        """
        with self.service.client() as client:
            found = client.get("/agents/processes/status").json()["processes"]
        (pid,) = [process["pid"] for process in found if process["agentId"] == agent]
        process = psutil.Process(pid)
        process.kill()
        wait_until(lambda: not process.is_running(), "the CLI is gone")

    def stop(self) -> None:
        """Stop the service and see that nothing is left of its CLI."""
        code = self.service.stop()
        left = [" ".join(process.cmdline())[:200] for process in self.processes()]
        assert left == []
        assert code == 0, self.service.output

    def sqlite(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        database = self.root / "state" / "agent-runner.db"
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as store:
            return store.execute(query, values).fetchall()


class Turn:
    """A run that is over: the HTTP answer and the frames that a live reader got."""

    def __init__(self, response: httpx.Response, live: list[bytes], seconds: float) -> None:
        self.status = response.status_code
        self.body: dict[str, Any] = response.json()
        # A run that never reached a model is answered with a problem that holds the run.
        self.run: dict[str, Any] = self.body.get("run", self.body)
        self.live = live
        self.events = [data_of(block) for block in live if not block.startswith(b":")]
        self.seconds = seconds

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    @property
    def text(self) -> str:
        """The whole text that was streamed, from the completed messages."""
        return "".join(event["text"] for event in self.of("message.completed"))


class Pending:
    """A prompt that was sent: a thread waits for its answer, another one reads its stream."""

    def __init__(self, agent: Agent, prompt: str) -> None:
        self._agent = agent
        self._prompt = prompt
        self._begun = time.monotonic()
        self._listening = threading.Event()
        self._pool = ThreadPoolExecutor(2)
        self._response: Future[httpx.Response]
        if agent.conversation is None:
            # The conversation does not exist yet: attach to its first run once it is there.
            self._response = self._pool.submit(self._post)
            self._frames = self._pool.submit(self._attach)
        else:
            self._frames = self._pool.submit(self._listen)
            assert self._listening.wait(PATIENCE_S)
            self._response = self._pool.submit(self._post)

    def over(self) -> bool:
        return self._response.done()

    def finish(self) -> Turn:
        """Wait for the end and check what every run must show."""
        response = self._response.result(PATIENCE_S)
        turn = Turn(response, self._frames.result(PATIENCE_S), time.monotonic() - self._begun)
        self._pool.shutdown()
        self._agent.settle(self._prompt, turn)
        return turn

    def abandon(self) -> None:
        """Give up waiting: the service is gone."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _client(self) -> httpx.Client:
        client = self._agent.real.service.client()
        client.timeout = httpx.Timeout(PATIENCE_S)
        return client

    def _post(self) -> httpx.Response:
        with self._client() as client:
            path = f"/agents/{self._agent.name}/execute"
            return client.post(path, json={"prompt": self._prompt})

    def _attach(self) -> list[bytes]:
        with self._client() as client:
            while True:
                tried = self._response.done()
                path = f"/agents/{self._agent.name}/execute/stream"
                with client.stream("GET", path) as response:
                    if response.status_code == 200:
                        return list(blocks(response))
                assert not tried, self._response.result().text
                time.sleep(0.005)

    def _listen(self) -> list[bytes]:
        path = f"/conversations/{self._agent.conversation}/events?after={self._agent.last_seq}"
        got: list[bytes] = []
        with self._client() as client, client.stream("GET", path) as response:
            assert response.status_code == 200
            self._listening.set()
            for block in blocks(response):
                if not block.startswith(b":"):
                    got.append(block)
                    if b"event: run.finished\n" in block[:80]:
                        break
        return got


class Agent:
    """A registered agent and what was said in its open conversation."""

    def __init__(self, real: Real, name: str, cwd: Path) -> None:
        self.real, self.name, self.cwd, self.form = real, name, cwd, real.form
        self.conversation: str | None = None
        self.last_seq = 0
        self._durable: list[bytes] = []
        self._said: list[tuple[str, str]] = []

    def heard_by_hand(self, *said: tuple[str, str]) -> None:
        """The conversation is to have these too, before the next prompt."""
        self._said += said

    def begin(self, prompt: str, *replies: Reply) -> Pending:
        """Send a prompt to which the model will answer `replies`."""
        self.real.model.script(list(replies))
        return Pending(self, prompt)

    def turn(self, prompt: str, *replies: Reply) -> Turn:
        return self.begin(prompt, *replies).finish()

    def execute(self, prompt: str, **fields: Any) -> dict[str, Any]:
        """Send a prompt to what the model has been told to say; the answer, unchecked."""
        with self.real.service.client() as client:
            path = f"/agents/{self.name}/execute"
            answer = client.post(path, json={"prompt": prompt, **fields}, timeout=PATIENCE_S)
        body: dict[str, Any] = answer.json()
        return body

    def by_hand(self, prompt: str, session: str, *replies: Reply) -> None:
        """Go on with a session of the CLI in a terminal of somebody's own."""
        real = self.real
        real.model.script(list(replies))
        words = [word.format(session=session, prompt=prompt) for word in real.cli.by_hand]
        subprocess.run(
            [str(real.program), *words],
            cwd=self.cwd,
            env={**real.env, **real.cli.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=PATIENCE_S,
        )

    def cancel(self) -> None:
        with self.real.service.client() as client:
            response = client.post(f"/agents/{self.name}/execute/cancel", json={})
            assert response.status_code == 202, response.text

    def change(self, **options: Any) -> None:
        """Change the agent's options."""
        with self.real.service.client() as client:
            response = client.patch(f"/agents/{self.name}", json=options)
            assert response.status_code == 200, response.text

    def reset_circuit(self) -> None:
        """Let the agent be tried at once after a failure."""
        with self.real.service.client() as client:
            client.post(f"/agents/{self.name}/circuit/reset", json={})

    def last_run(self) -> dict[str, Any]:
        """The newest run of the open conversation."""
        with self.real.service.client() as client:
            page = client.get(f"/agents/{self.name}/conversation").json()
            run: dict[str, Any] = client.get(f"/runs/{page['turns'][-1]['runId']}").json()
        return run

    def end_session(self) -> None:
        """Close the conversation: the next prompt begins another one."""
        with self.real.service.client() as client:
            response = client.post(f"/agents/{self.name}/end-session", json={})
            assert response.status_code == 200, response.text
        self.conversation, self.last_seq = None, 0
        self._durable, self._said = [], []

    def settle(self, prompt: str, turn: Turn) -> None:
        """Compare the HTTP answer, the store and the replayed stream with what came live."""
        run = turn.run
        self.conversation = run["conversationId"]
        live = [block for block in turn.live if not block.startswith(b":")]
        self._durable += [block for block in live if seq_of(block) and _of_run(block)]
        finished = turn.of("run.finished")
        assert len(finished) == 1
        assert turn.of("run.queued")[0]["prompt"] == prompt
        assert finished[0]["state"] == run["status"]
        assert finished[0].get("code") == run["code"]
        assert finished[0].get("sessionId") == run["sessionId"]
        assert run["form"] == self.form, run
        for broken in ("parse_error", "unknown", "oversize"):
            assert turn.of(broken) == []
        assert [notice for notice in turn.of("notice") if notice["code"] == "drift"] == []
        self._said.append(("inbound", prompt))
        if run["content"] is not None:
            self._said.append(("outbound", run["content"]))
        self._check_store(run)
        self._check_replay()

    def _check_store(self, run: dict[str, Any]) -> None:
        with self.real.service.client() as client:
            stored = client.get(f"/runs/{run['runId']}").json()
            page = client.get(f"/conversations/{self.conversation}").json()
        assert stored == run
        assert [(turn["direction"], turn["content"]) for turn in page["turns"]] == self._said
        rows = self.real.sqlite(
            "SELECT seq, type, payload, run_id FROM events WHERE conversation_id = ? ORDER BY seq",
            self.conversation,
        )
        self.last_seq = page["conversation"]["lastEventSeq"]
        assert [row[0] for row in rows] == list(range(1, self.last_seq + 1))
        rows = [row[:3] for row in rows if row[3] is not None]
        assert len(rows) == len(self._durable)
        for (seq, kind, payload), block in zip(rows, self._durable, strict=True):
            assert (seq, kind) == (seq_of(block), data_of(block)["type"])
            assert block.endswith(payload[1:] + b"\n\n")

    def _check_replay(self) -> None:
        assert self.conversation is not None
        with self.real.service.client() as client:
            again = replayed(client, self.conversation, self.last_seq)
        assert [block for block in again if _of_run(block)] == self._durable


def _of_run(block: bytes) -> bool:
    """False for what happens between two runs, and for what comes late."""
    return data_of(block)["runId"] is not None
