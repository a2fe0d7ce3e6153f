"""agent-runner serve."""

from __future__ import annotations

import logging
import os
import sys
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
from agent_runner.cli.terminal import fail, out
from agent_runner.doctor.examine import clis
from agent_runner.doctor.report import CliFinding
from agent_runner.errors import AgentRunnerError
from agent_runner.plain_text import clean
from agent_runner.runners.secrets import Secrets
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
    """Start the service, and say where it is and which agents it can drive.

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
    out.print(f"  state   {state.root}")
    out.print(f"  token   {_shown(context, state, token)}")
    out.print()
    out.print("A first chat (a replay of a recording; needs no CLI and no account):")
    header = ""
    if token is not None:
        # Not among curl's own words, which every user of the machine can read.
        kept = context.settings.server.token is None
        source = f"cat {quoting.shell([str(state.token_file)])}" if kept else "echo YOUR-TOKEN"
        out.print(f"  {source} | sed 's/^/Authorization: Bearer /' | \\")
        header = "  -H @- \\\n"
    out.print(
        f"  curl -N {url}/agents/{DEMO_AGENT}/execute \\\n{header}"
        "  -H 'Content-Type: application/json' -H 'Accept: text/event-stream' \\\n"
        '  -d \'{"prompt": "Hello"}\''
    )
    out.print()
    out.print("Agent CLIs on this machine:")
    async for finding in clis(context.warden, context.settings, os.environ):
        out.print(_line(finding))
    out.print()
    out.print("Ready. Ctrl-C stops it.")


def _shown(context: Context, state: StateDir, token: str | None) -> str:
    """The token for who sits at a terminal; a file or a journal has other readers."""
    if token is None:
        return "none asked (auth: none)"
    if context.settings.server.token is not None:
        return "the one that is configured"
    return token if out.is_terminal else f"in {state.token_file}"


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
