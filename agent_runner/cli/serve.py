"""agent-runner serve."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TextIO, cast

import anyio
import structlog
import typer

from agent_runner import quoting
from agent_runner.agents.replay.transcripts import DEMO_AGENT
from agent_runner.api.context import Context
from agent_runner.app.configuration import CONFIG_VARIABLE, load_settings
from agent_runner.app.log_format import Forwarding, MaskedValues, plain_values
from agent_runner.app.log_sink import LogSink
from agent_runner.app.memory import keep_small
from agent_runner.app.server import serve as serve_forever
from agent_runner.app.state_dir import StateDir
from agent_runner.cli.options import named_folder
from agent_runner.cli.page_link import page_link
from agent_runner.cli.terminal import fail, out
from agent_runner.doctor.examine import clis
from agent_runner.doctor.report import CliFinding
from agent_runner.errors import AgentRunnerError
from agent_runner.plain_text import clean
from agent_runner.runners.secrets import Secrets
from agent_runner.settings import default_state_dir
from agent_runner.troubles import Troubles

log = structlog.get_logger(__name__)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on [127.0.0.1].")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on [8420]; 0: any free.")] = None,
    state_dir: Annotated[
        Path | None,
        typer.Option(
            parser=named_folder,
            metavar="FOLDER",
            help="Database, token and raw logs [~/.local/state/agent-runner].",
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(envvar=CONFIG_VARIABLE, help="YAML file with settings.")
    ] = None,
) -> None:
    """Start the service; at a terminal it prints the link that opens its page, logged in.

    It also says which agents it can drive on this machine. `agent-runner link` prints the link
    again.

    The same can be set by AGENT_RUNNER_HOST, _PORT, _STATE_DIR and _CONFIG; the token by
    AGENT_RUNNER_TOKEN. AGENT_RUNNER_AUTH=none asks for no token (loopback only).
    Ctrl-C stops it: runs may go on for a while (supervision.drain_ms), then they are ended and
    recorded; queued ones start with the next service. Twice: at once. SIGHUP checks the
    configuration file and logs what is wrong with it.
    """
    keep_small()
    secrets = Secrets()
    sink = _log_to_stderr(secrets)
    troubles = Troubles()
    troubles.watch(sink.troubles)
    overrides: dict[tuple[str, ...], Any] = {
        ("server", "host"): host,
        ("server", "port"): port,
        ("state_dir",): state_dir,
    }
    try:
        load = partial(load_settings, config, overrides)
        anyio.run(
            serve_forever,
            load(),
            _announce,
            load,
            secrets,
            troubles,
            backend_options={"use_uvloop": sys.platform != "win32"},
        )
    except AgentRunnerError as error:
        fail(error)
    except BaseExceptionGroup as group:
        errors = group.subgroup(AgentRunnerError)
        if errors is None:
            raise
        fail(_first(errors))
    finally:
        sink.close()


def _first(group: BaseExceptionGroup[AgentRunnerError]) -> AgentRunnerError:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


async def _announce(context: Context, url: str, token: str | None) -> None:
    """Say what there is. Whoever reads it may leave: the service stays."""
    try:
        await _say(context, url, token)
    except SystemExit:  # as rich has it when its stream is closed
        log.info("not_announced", url=url)
    except Exception:
        log.exception("not_announced", url=url)


async def _say(context: Context, url: str, token: str | None) -> None:
    state = StateDir(context.settings.state_dir)
    out.print(f"agent-runner {context.version} listens on {url}")
    out.print()
    out.print(_page(context, url, token))
    out.print()
    out.print(f"  state   {state.root}")
    out.print(f"  token   {_token(context, state, token)}")
    out.print()
    out.print("A first chat without a browser (a replay of a recording; needs no CLI, no account):")
    out.print(f"  {_command(context, 'exec', DEMO_AGENT, 'Hello')}")
    out.print()
    out.print("Agent CLIs on this machine:")
    async for finding in clis(context.warden, context.settings, os.environ):
        out.print(_line(finding))
    out.print()
    out.print("Ready. Ctrl-C stops it.")


def _page(context: Context, url: str, token: str | None) -> str:
    """The link, for who sits at a terminal; a file or a journal has other readers."""
    if token is None or (sys.stdout.isatty() and out.is_terminal):
        return f"Open {page_link(url, token)}"
    return f"Open {page_link(url, None)}   the link that logs in: {_command(context, 'link')}"


def _token(context: Context, state: StateDir, token: str | None) -> str:
    if token is None:
        return "none asked (auth: none)"
    if context.settings.server.token is not None:
        return "the one that is configured"
    return f"in {state.token_file}"


def _command(context: Context, *words: str) -> str:
    """The line that has a command talk to this service."""
    program = "agent-runner"
    if shutil.which(program) is None and Path(sys.argv[0]).name == program:
        program = sys.argv[0]
    root = context.settings.state_dir
    with suppress(AgentRunnerError):  # of a user who has no home
        if root == default_state_dir():
            return quoting.shell([program, *words])
    return quoting.shell([program, *words, "--state-dir", str(root)])


def _line(finding: CliFinding) -> str:
    if finding.path is None:
        return f"  {finding.title:<14} not installed   install: {finding.fix}"
    version = clean(finding.version or "version unknown")
    line = f"  {finding.title:<14} {version:<14}  {clean(finding.login)}"
    return line + (f"   log in: {finding.fix}" if finding.fix else "")


def _log_to_stderr(secrets: Secrets) -> LogSink:
    sink = LogSink(sys.stderr)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            plain_values,
            MaskedValues(secrets),
            structlog.processors.LogfmtRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", sink)),
    )
    logging.basicConfig(level=logging.WARNING, handlers=[Forwarding()])
    return sink
