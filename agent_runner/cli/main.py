"""The console command: puts the subcommands together."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from agent_runner.cli.agents import agents
from agent_runner.cli.approvals import approvals
from agent_runner.cli.attach import attach
from agent_runner.cli.bench import bench
from agent_runner.cli.circuits import circuits
from agent_runner.cli.conversations import conversations
from agent_runner.cli.db import db
from agent_runner.cli.doctor import doctor
from agent_runner.cli.execute import execute
from agent_runner.cli.fallback import fallback
from agent_runner.cli.load import PASSED_ON, load
from agent_runner.cli.record import record_command
from agent_runner.cli.serve import serve
from agent_runner.cli.sessions import sessions
from agent_runner.cli.shadow import shadow
from agent_runner.cli.tickets import tickets
from agent_runner.cli.tui import tui
from agent_runner.cli.wrap import wrap

app = typer.Typer(
    name="agent-runner",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Drive Claude Code, Gemini CLI and Factory Droid as headless agents.

    Start the service with `agent-runner serve`, then, in another terminal:
    `agent-runner exec demo "Hello"` for a first chat that needs no CLI, and
    `agent-runner agents add NAME --type claude-code` for a real agent.""",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("agent-runner"))
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


app.command("serve")(serve)
app.command("exec")(execute)
app.add_typer(agents, name="agents")
app.add_typer(conversations, name="conversations")
app.add_typer(approvals, name="approvals")
app.command("tui")(tui)
app.add_typer(fallback, name="fallback")
app.add_typer(shadow, name="shadow")
app.add_typer(circuits, name="circuits")
app.add_typer(tickets, name="tickets")
app.command("sessions")(sessions)
app.command("attach")(attach)
app.add_typer(db, name="db")
app.command("doctor")(doctor)
app.command("wrap")(wrap)
app.command("record")(record_command)
app.command("bench")(bench)
app.command("load", context_settings=PASSED_ON)(load)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
