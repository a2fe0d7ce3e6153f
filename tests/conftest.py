"""What the tests stand on: the fake CLI, the service in this process, the service as a program."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent_runner.api.context import Context
from agent_runner.app.service import running_service
from agent_runner.app.state_dir import StateDir
from agent_runner.settings import LimitSettings, Settings

FAKE = Path(__file__).with_name("fake_claude.py")
Script = list[dict[str, Any]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def fake_claude(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fake CLI as an executable run by this interpreter, without site packages."""
    path = tmp_path_factory.mktemp("bin") / "claude"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{FAKE}" "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def make_settings(fake_claude: Path, state_dir: Path, tmp_path: Path) -> Callable[..., Settings]:
    """Settings whose claude-code is the fake; keyword arguments are limits."""

    def make(**limits: Any) -> Settings:
        return Settings(
            state_dir=state_dir,
            allowed_roots=[tmp_path],
            programs={"claude-code": str(fake_claude)},
            limits=LimitSettings(**{"cancel_grace_ms": 1000, **limits}),
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
        self._argv, self._env, self._cwd = argv, env, cwd
        self.cwd = cwd
        self.state_dir = cwd / "state"
        self.process: subprocess.Popen[str]
        self.url = ""
        self.token = ""

    def start(self) -> None:
        self.process = subprocess.Popen(
            self._argv,
            env=self._env,
            cwd=self._cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line
            if "listens on" in line:
                self.url = line.split()[-1]
            elif line.startswith("  token"):
                self.token = line.split()[1]
            elif line.startswith("Ready"):
                return
        raise AssertionError(f"the service did not start:\n{self.output}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(20)
        assert self.process.stdout is not None
        if not self.process.stdout.closed:
            self.output += self.process.stdout.read()
            self.process.stdout.close()
        return code

    def restart(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.stop(number)
        self.start()

    def client(self, **headers: str) -> httpx.Client:
        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {self.token}", **headers},
            timeout=30,
        )

    def register(self, name: str = "worker", **options: Any) -> None:
        with self.client() as client:
            body = {"agentId": name, "type": "claude-code", "cwd": str(self._cwd), **options}
            response = client.post("/agents/register", json=body)
            assert response.status_code in (200, 201), response.text

    def run(self, script: Script | str, name: str = "worker", **fields: Any) -> httpx.Response:
        prompt = script if isinstance(script, str) else json.dumps(script)
        with self.client() as client:
            return client.post(f"/agents/{name}/execute", json={"prompt": prompt, **fields})


@contextlib.contextmanager
def _services(fake_claude: Path, folder: Path) -> Iterator[Callable[..., Service]]:
    services: list[Service] = []

    def make(*, server: dict[str, Any] | None = None, **limits: Any) -> Service:
        config = folder / f"config{len(services)}.yaml"
        config.write_text(
            json.dumps(
                {
                    "allowed_roots": [str(folder)],
                    "programs": {"claude-code": str(fake_claude), "gemini": "/nonexistent/gemini"},
                    "server": server or {},
                    "limits": {"cancel_grace_ms": 1000, **limits},
                }
            )
        )
        argv = [sys.executable, "-m", "agent_runner.cli.main", "serve", "--port", "0"]
        argv += ["--state-dir", str(folder / "state"), "--config", str(config)]
        env = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
        service = Service(argv, env, folder)
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
def make_service(fake_claude: Path, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts services on free ports; `server` and `limits` are sections of their config."""
    with _services(fake_claude, tmp_path) as make:
        yield make


ModuleService = Callable[..., Service]


@pytest.fixture(scope="module")
def module_service(
    fake_claude: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ModuleService]:
    """The same for a whole module of tests that do not disturb each other."""
    with _services(fake_claude, tmp_path_factory.mktemp("service")) as make:
        yield make


@pytest.fixture
def service(make_service: Callable[..., Service]) -> Service:
    """One service with one registered agent, `worker`, driven by the fake CLI."""
    started = make_service()
    started.register()
    return started
