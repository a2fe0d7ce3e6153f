"""What the tests stand on: scripted CLIs, the service in this process, the service as a program."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import shlex
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import IO, Any

import httpx
import hypothesis
import pytest
from pydantic import BaseModel

from agent_runner.api.context import Context
from agent_runner.app.service import running_service
from agent_runner.app.state_dir import StateDir
from agent_runner.process.warden import Warden
from agent_runner.settings import Settings

# How long an example takes says nothing on a machine that is shared.
hypothesis.settings.register_profile("shared", deadline=None)
hypothesis.settings.load_profile("shared")

SCRIPTED = Path(__file__).parents[1] / "fixtures" / "scripted" / "cli.py"
Script = list[dict[str, Any]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first the tests that wait the most: others compute meanwhile."""
    items.sort(key=lambda item: item.path.parent.name != "tmux")


def pytest_collection_finish() -> None:
    """What is collected stays: nothing has to look through it for garbage again and again."""
    gc.freeze()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def _scripted(factory: pytest.TempPathFactory, name: str) -> Path:
    """The scripted CLI as an executable run by this interpreter, without site packages.

    Every service asks for the version: that takes no interpreter.
    """
    path = factory.mktemp("bin") / name
    words = [sys.executable, "-I", "-S", str(SCRIPTED), f"--dialect={name}"]
    version = subprocess.run([*words, "--version"], capture_output=True, text=True, check=True)
    path.write_text(
        "#!/bin/sh\n"
        f'[ "$*" = --version ] && exec echo "{version.stdout.strip()}"\n'
        f'exec {shlex.join(words)} "$@"\n'
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture(scope="session")
def fake_claude(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that speaks Claude Code's dialect and does what its prompt says."""
    return _scripted(tmp_path_factory, "claude")


@pytest.fixture(scope="session")
def fake_gemini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for Gemini CLI."""
    return _scripted(tmp_path_factory, "gemini")


@pytest.fixture(scope="session")
def fake_droid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for Factory Droid."""
    return _scripted(tmp_path_factory, "droid")


@pytest.fixture(scope="session")
def fakes(fake_claude: Path, fake_gemini: Path, fake_droid: Path) -> dict[str, str]:
    """The scripted program of each agent type."""
    return {
        "claude-code": str(fake_claude),
        "gemini": str(fake_gemini),
        "factory-droid": str(fake_droid),
    }


@pytest.fixture(scope="session")
def warden() -> Iterator[Warden]:
    """Starts programs for the tests of one session."""
    made = Warden()
    yield made
    made.close()


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / "state"


NO_TMUX = {"enabled": False, "disabled_because": "a test of headless runs"}


def sections(**values: Any) -> dict[str, dict[str, Any]]:
    """Settings by their own names, each in the section that has it; quick to end things.

    A section may be given whole. Without `tmux` there is none: a run that fails headless
    fails.
    """
    given = {"cancel_grace_ms": 1000, "drain_ms": 0, "tmux": NO_TMUX, **values}
    made: dict[str, dict[str, Any]] = {}
    for name, value in given.items():
        if name in Settings.model_fields:
            made[name] = value
            continue
        (section,) = [
            section
            for section, field in Settings.model_fields.items()
            if isinstance(field.default, BaseModel) and name in type(field.default).model_fields
        ]
        made.setdefault(section, {})[name] = value
    return made


@pytest.fixture
def make_settings(
    fakes: dict[str, str], state_dir: Path, tmp_path: Path
) -> Callable[..., Settings]:
    """Settings whose CLIs are the scripted ones; keyword arguments are settings of any section."""

    def make(**limits: Any) -> Settings:
        return Settings(
            state_dir=state_dir,
            allowed_roots=[tmp_path],
            programs=dict(fakes),
            **{name: {**values} for name, values in sections(**limits).items()},
        )

    return make


Serving = Callable[..., AbstractAsyncContextManager[Context]]


@pytest.fixture
def serving(make_settings: Callable[..., Settings]) -> Serving:
    """The service without HTTP, in this process."""

    @asynccontextmanager
    async def serve(**limits: Any) -> AsyncIterator[Context]:
        settings = make_settings(**limits)
        state = StateDir(settings.state_dir)
        with state.claim():
            async with running_service(settings, state) as context:
                yield context

    return serve


class Service:
    """The service as a program of its own, spoken to over HTTP."""

    def __init__(self, argv: list[str], env: dict[str, str], cwd: Path) -> None:
        self.argv, self.env, self._cwd = argv, env, cwd
        self.cwd = cwd
        self.state_dir = cwd / "state"
        self.process: subprocess.Popen[str]
        self.stderr: int | IO[str] = subprocess.STDOUT
        self.url = ""
        self.token = ""

    def start(self, until: str = "Ready") -> None:
        """Start it and read what it prints until a line that begins so."""
        self.process = subprocess.Popen(
            self.argv,
            env=self.env,
            cwd=self._cwd,
            stdout=subprocess.PIPE,
            stderr=self.stderr,
            text=True,
        )
        self.output = ""
        self._reader: threading.Thread | None = None
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line
            if "listens on" in line:
                self.url = line.split()[-1]
            elif line.startswith("  token"):
                kept = line.split(maxsplit=1)[1].strip().removeprefix("in ")
                self.token = Path(kept).read_text().strip() if os.path.exists(kept) else ""
            if line.startswith(until):
                self._reader = threading.Thread(target=self._read_on, daemon=True)
                self._reader.start()
                return
        raise AssertionError(f"the service did not start:\n{self.output}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(20)
        assert self.process.stdout is not None
        if not self.process.stdout.closed:
            if self._reader is not None:
                self._reader.join(20)
            self.output += self.process.stdout.read()
            self.process.stdout.close()
        return code

    def _read_on(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line

    def restart(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.stop(number)
        self.start()

    def memory(self, name: str) -> int:
        """VmRSS (now) or VmHWM (the most since `reset_peak`), in bytes."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
        raise LookupError(name)

    def reset_peak(self) -> None:
        """Let the peak of its memory begin anew."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def sockets(self) -> int:
        """How many sockets it has open."""
        folder = Path(f"/proc/{self.process.pid}/fd")
        count = 0
        for descriptor in folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                count += os.readlink(descriptor).startswith("socket:")
        return count

    def client(self, **headers: str) -> httpx.Client:
        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {self.token}", **headers},
            timeout=30,
            verify=False,  # reading the certificates to trust takes longer than a request
        )

    def register(self, name: str = "worker", **options: Any) -> None:
        with self.client() as client:
            body = {"agentId": name, "type": "claude-code", "cwd": str(self._cwd), **options}
            response = client.post("/agents/register", json=body)
            assert response.status_code in (200, 201), response.text

    def begin_anew(self, name: str = "worker") -> None:
        """End what an agent has left to do, and its conversation."""
        with self.client() as client:
            answer = {"code": "agent_busy"}
            while answer.get("code") == "agent_busy":
                client.post(f"/agents/{name}/execute/cancel", json={})
                answer = client.post(f"/agents/{name}/end-session", json={}).json()

    def clear(self) -> None:
        """Remove every agent and every conversation."""
        with self.client() as client:
            for agent in client.get("/agents").json()["agents"]:
                self.begin_anew(agent["agentId"])
                assert client.delete(f"/agents/{agent['agentId']}").status_code == 204
            while found := client.get("/conversations").json()["conversations"]:
                for conversation in found:
                    client.delete(f"/conversations/{conversation['conversationId']}")

    def queued(self, name: str) -> list[str]:
        """The runs that wait for an agent."""
        with self.client() as client:
            sessions = client.get("/agents/sessions/status").json()["sessions"]
        (found,) = [session["queued"] for session in sessions if session["agentId"] == name]
        return list(found)

    def run(self, script: Script | str, name: str = "worker", **fields: Any) -> httpx.Response:
        prompt = script if isinstance(script, str) else json.dumps(script)
        with self.client() as client:
            return client.post(f"/agents/{name}/execute", json={"prompt": prompt, **fields})


def _program(constants: dict[str, Any]) -> list[str]:
    """Python's arguments that start agent-runner with other constants: `module.NAME` to value."""
    if not constants:
        return ["-m", "agent_runner.cli.main"]
    lines = ["import importlib"]
    for name, value in constants.items():
        module, _, attribute = name.rpartition(".")
        lines.append(f"importlib.import_module({module!r}).{attribute} = {value!r}")
    return ["-c", "\n".join([*lines, "from agent_runner.cli.main import main", "main()"])]


@contextlib.contextmanager
def services_in(fakes: dict[str, str], folder: Path) -> Iterator[Callable[..., Service]]:
    """Starts services whose home and state folder lie in `folder`; all end with it."""
    services: list[Service] = []

    def make(
        *,
        server: dict[str, Any] | None = None,
        programs: dict[str, str] | None = None,
        constants: dict[str, Any] | None = None,
        module: str | None = None,
        env: dict[str, str] | None = None,
        **limits: Any,
    ) -> Service:
        config = folder / f"config{len(services)}.yaml"
        config.write_text(
            json.dumps(
                {
                    "allowed_roots": [str(folder)],
                    "programs": {**fakes, **(programs or {})},
                    "server": server or {},
                    **sections(**limits),
                }
            )
        )
        program = ["-m", module] if module is not None else _program(constants or {})
        argv = [sys.executable, *program, "serve", "--port", "0"]
        argv += ["--state-dir", str(folder / "state"), "--config", str(config)]
        # The service of the tree that the tests lie in, wherever another is installed from.
        given = {"PYTHONPATH": str(SCRIPTED.parents[2]), "PATH": os.environ["PATH"]}
        given |= {"HOME": str(folder), "LANG": "C.UTF-8"}
        service = Service(argv, {**given, **(env or {})}, folder)
        services.append(service)
        service.start()
        return service

    yield make
    for service in services:
        with contextlib.suppress(subprocess.TimeoutExpired):
            service.stop()
        if service.process.poll() is None:
            service.process.kill()
            service.process.wait()


@pytest.fixture
def make_service(fakes: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts services on free ports.

    `server`, `programs` and all else (`limits`) are sections of their config; `constants`
    change what cannot be set, for tests of long waits: `{"agent_runner.x.NAME": value}`.
    """
    with services_in(fakes, tmp_path) as make:
        yield make


ModuleService = Callable[..., Service]


@pytest.fixture(scope="module")
def module_service(
    fakes: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ModuleService]:
    """The same for a whole module of tests that do not disturb each other."""
    with services_in(fakes, tmp_path_factory.mktemp("service")) as make:
        yield make


@pytest.fixture
def service(make_service: Callable[..., Service]) -> Service:
    """One service with one registered agent, `worker`, driven by the scripted CLI."""
    started = make_service()
    started.register()
    return started


@pytest.fixture(scope="module")
def live(module_service: ModuleService) -> Service:
    """The same for a whole module."""
    started = module_service()
    started.register()
    return started


@pytest.fixture
def empty(live: Service) -> Service:
    """The one of the module with nothing in it but its agent."""
    live.clear()
    live.register()
    return live


@pytest.fixture
def idle(live: Service) -> Service:
    """The one of the module with nothing left to do, its conversation yet to begin."""
    live.begin_anew()
    return live
