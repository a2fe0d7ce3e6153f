"""The console command: puts the subcommands together."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import version
from typing import Annotated

import typer

from agent_runner.cli.standard import open_all
from agent_runner.denied import remedy
from agent_runner.errors import AgentRunnerError
from agent_runner.home import settle

_PLACES = {
    "serve": "serve:serve",
    "link": "link:link",
    "exec": "execute:execute",
    "agents": "agents:agents",
    "conversations": "conversations:conversations",
    "search": "search:search",
    "usage": "usage:usage",
    "approvals": "approvals:approvals",
    "tui": "tui:tui",
    "fallback": "fallback:fallback",
    "shadow": "shadow:shadow",
    "circuits": "circuits:circuits",
    "tickets": "tickets:tickets",
    "sessions": "sessions:sessions",
    "attach": "attach:attach",
    "db": "db:db",
    "doctor": "doctor:doctor",
    "wrap": "wrap:wrap",
    "bench": "bench:bench",
    "load": "load:load",
}
"""The module of each subcommand in this package, and its name there, in the order of the help."""
_PASSED_ON = {"load": {"allow_extra_args": True, "ignore_unknown_options": True}}


def application(names: Iterable[str] = _PLACES) -> typer.Typer:
    """The console command with these subcommands; only what they need is imported."""
    app = typer.Typer(
        name="agent-runner",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="""Drive coding agents such as Claude Code and Gemini CLI without a terminal.

        Start the service with `agent-runner serve` and open the link that it prints, or, in
        another terminal: `agent-runner exec demo "Hello"` for a first chat that needs no CLI, and
        `agent-runner agents add NAME --type claude-code` for a real agent.""",
    )
    app.callback()(_root)
    for name in names:
        module, _, attribute = _PLACES[name].partition(":")
        found = getattr(import_module(f"agent_runner.cli.{module}"), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name, context_settings=_PASSED_ON.get(name))(found)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("agent-runner"))
        raise typer.Exit


def _root(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; what cannot be printed is told in short."""
    open_all()
    settle()
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    # What is imported stays: looking through it for garbage would be a tenth of the start.
    gc.disable()
    app = application([word] if word in _PLACES else _PLACES)
    gc.freeze()
    gc.enable()
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except AgentRunnerError as error:
        from agent_runner.cli.terminal import failed  # 30 ms that --version need not take

        sys.exit(failed(error))
    except OSError as error:
        hint = remedy(error)
        sys.exit(f"error: {error}" + (f"\nhint:  {hint}" if hint else ""))


if __name__ == "__main__":
    main()
