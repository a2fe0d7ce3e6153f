"""Installs the real CLIs, leaves the network, starts services; prints what took how long."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from recorder.install import install
from recorder.isolation import leave_network, worlds_folder
from recorder.manifest import load
from recorder.models import ModelServer

from agent_runner.agents.base import Form
from agent_runner.errors import AgentRunnerError
from tests.real.clis import ALL, Cli
from tests.real.world import Real

_ROWS: list[tuple[str, str, str, float, str]] = []
_NETWORK = {"": "host"}


@pytest.fixture(scope="session")
def programs() -> Mapping[str, Path]:
    """The executables by agent type, and by `type@version` of every pinned version.

    From here on this process has no network but loopback.
    """
    found: dict[str, Path] = {}
    for cli in load():
        try:
            found[f"{cli.agent}@{cli.version}"] = install(cli.agent, cli.version)
        except AgentRunnerError as error:
            pytest.fail(f"{cli.agent} {cli.version}: {error.message} ({error.hint})", pytrace=False)
    found |= {cli.agent: found[f"{cli.agent}@{cli.version}"] for cli in ALL}
    if leave_network():
        _NETWORK[""] = "loopback only"
    return found


@contextmanager
def started(cli: Cli, form: Form, programs: Mapping[str, Path]) -> Iterator[Real]:
    """A service that drives the CLI, stopped at the end unless the block failed."""
    scratch = tempfile.TemporaryDirectory(
        prefix=f"{cli.agent}-{form}-", dir=worlds_folder(), ignore_cleanup_errors=True
    )
    with scratch as root, ModelServer() as model:
        made = Real(cli, form, programs[cli.agent], Path(root).resolve(), model)
        yield made
        made.stop()


@pytest.fixture(scope="class", params=[Form.ONE_SHOT, Form.WARM], ids=str)
def real(
    request: pytest.FixtureRequest,
    programs: Mapping[str, Path],
) -> Iterator[Real]:
    """The class's CLI in one form, with a service, a home and a model stand-in of its own."""
    cli: Cli = request.cls.cli
    with started(cli, request.param, programs) as made:
        yield made


@pytest.fixture(scope="class")
def warm(
    request: pytest.FixtureRequest,
    programs: Mapping[str, Path],
) -> Iterator[Real]:
    """The class's CLI in its warm form."""
    cli: Cli = request.cls.cli
    with started(cli, Form.WARM, programs) as made:
        yield made


@pytest.fixture(scope="class")
def terminal(
    request: pytest.FixtureRequest,
    programs: Mapping[str, Path],
) -> Iterator[Real]:
    """The class's CLI in its own terminal UI."""
    cli: Cli = request.cls.cli
    with started(cli, Form.TERMINAL, programs) as made:
        yield made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call" and isinstance(item, pytest.Function) and item.cls is not None:
        cli: Cli | None = getattr(item.cls, "cli", None)
        params = dict(item.callspec.params) if hasattr(item, "callspec") else {}
        params.pop("real", None)
        form = next(str(made.form) for made in item.funcargs.values() if isinstance(made, Real))
        words = [item.originalname.removeprefix("test_"), *map(str, params.values())]
        if cli is not None:
            row = (cli.agent, " ".join(words), form, report.duration, report.outcome)
            _ROWS.append(row)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _ROWS:
        return
    terminalreporter.section("real CLIs")
    terminalreporter.write_line(f"model: scripted stand-in on 127.0.0.1; network: {_NETWORK['']}")
    forms = [str(form) for form in Form]
    terminalreporter.write_line(f"{'seconds':<50}" + "".join(f"{f:>12}" for f in forms))
    times = {(cli, case, form): (took, how) for cli, case, form, took, how in _ROWS}
    for cli, case in dict.fromkeys((row[0], row[1]) for row in _ROWS):
        cells = ""
        for form in forms:
            took, how = times.get((cli, case, form), (None, ""))
            text = "-" if took is None else f"{took:.1f}"
            cells += f"{text + ('' if how in ('', 'passed') else ' ' + how):>12}"
        terminalreporter.write_line(f"{cli:<16}{case:<34}{cells}")
