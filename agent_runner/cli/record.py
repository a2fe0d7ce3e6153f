"""`agent-runner record`: keep what the real, pinned CLIs print as fixtures."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from agent_runner.agents.registry import adapter_for
from agent_runner.errors import AgentRunnerError
from agent_runner.recorder import recording as files
from agent_runner.recorder.cases import SUITES, Case, Suite, cases_of
from agent_runner.recorder.derive import derive, is_current
from agent_runner.recorder.driver import CaseError
from agent_runner.recorder.install import cache_folder, install
from agent_runner.recorder.isolation import leave_network
from agent_runner.recorder.manifest import find, load
from agent_runner.recorder.models import ModelServer
from agent_runner.recorder.record import Bench, record
from agent_runner.recorder.shape import Difference, compare

# A change seen in more cases than this is one of the version, not of the case.
_RARE = 3


def record_command(
    agent: Annotated[
        str | None, typer.Option(help="claude-code, gemini or factory-droid; default: all.")
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="A pinned version; default: the agent's present one.")
    ] = None,
    case: Annotated[list[str] | None, typer.Option(help="Only this case; may be repeated.")] = None,
    list_cases: Annotated[bool, typer.Option("--list", help="List the cases and stop.")] = False,
    events_only: Annotated[
        bool, typer.Option("--events-only", help="Derive events.json anew; run no CLI.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Fail if an events.json is not what it would be now.")
    ] = False,
    diff: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="OLD NEW", help="Compare two recorded versions of --agent by shape."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Run the pinned CLIs against a scripted model and keep every byte.

    Each case starts the real CLI in a home, a folder and (if permitted)
    a network of its own, plays its steps and stores argv, stdin, stdout,
    stderr, the exit code and the events the adapter makes of them under
    fixtures/. A missing CLI is first installed from the npm registry into
    $AGENT_RUNNER_CLI_CACHE (default: in your cache folder). No account and
    no key are needed. A CLI takes one to three minutes; cases of Gemini
    and Droid that wait for retries take ten to fifteen more.

    \b
    record --list                          what there is
    record --agent gemini --case text      record one case again
    record --events-only                   after a change to an adapter
    record --check                         is every events.json current?
    record --agent claude-code --diff 2.1.197 2.1.329

    For a new CLI version: add it to fixtures/manifest.toml, record it and
    look at --diff.
    """
    try:
        if list_cases:
            _list(agent, as_json=as_json)
        elif diff:
            _diff(agent, *diff, as_json=as_json)
        elif check or events_only:
            _derive(agent, version, case, check=check, as_json=as_json)
        else:
            _record(agent, version, case, as_json=as_json)
    except AgentRunnerError as error:
        hint = f" ({error.hint})" if error.hint else ""
        typer.echo(f"error: {error.message}{hint}", err=True)
        raise typer.Exit(2) from error


def _suites(agent: str | None) -> list[Suite]:
    if agent is None:
        return list(SUITES.values())
    return [SUITES[find(agent).agent]]


def _list(agent: str | None, *, as_json: bool) -> None:
    rows = [
        {
            "agent": suite.agent,
            "case": case.name,
            "form": case.form.value,
            "about": case.about,
            "recorded": [
                cli.version
                for cli in load()
                if cli.agent == suite.agent
                and case.name in files.recorded(suite.agent, cli.version)
            ],
        }
        for suite in _suites(agent)
        for case in suite.cases
    ]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        mark = "*" if row["recorded"] else " "
        typer.echo(f"{mark} {row['agent']:14} {row['case']:28} {row['form']:9} {row['about']}")
    typer.echo(f"{len(rows)} cases; * is recorded")


def _diff(agent: str | None, old: str, new: str, *, as_json: bool) -> None:
    if agent is None:
        raise typer.BadParameter("--diff needs --agent")
    found = compare(agent, old, new)
    if as_json:
        typer.echo(msgspec.json.encode(found))
        return
    common = _common(found)
    for (sign, name), count in sorted(common.items(), key=lambda pair: pair[0][1]):
        typer.echo(f"{sign} {name}  (in {count} cases)")
    for item in found:
        rare = [("-", name) for name in item.removed] + [("+", name) for name in item.added]
        rare = [pair for pair in rare if pair not in common]
        if not rare and item.old_exit == item.new_exit:
            continue
        typer.echo(f"{item.case}  exit {item.old_exit} -> {item.new_exit}")
        for sign, name in rare:
            typer.echo(f"  {sign} {name}")
    typer.echo(f"{len(found)} cases differ in shape between {old} and {new}")


def _common(found: list[Difference]) -> dict[tuple[str, str], int]:
    """Changes of more than _RARE cases, with their number: they are told once."""
    counts = Counter(
        pair
        for item in found
        for pair in (
            *(("-", name) for name in item.removed),
            *(("+", name) for name in item.added),
        )
    )
    return {pair: count for pair, count in counts.items() if count > _RARE}


def _derive(
    agent: str | None, version: str | None, only: list[str] | None, *, check: bool, as_json: bool
) -> None:
    """Both --events-only and --check: the second writes nothing and exits 1 on a difference."""
    changed = []
    for cli in load():
        if agent not in (None, cli.agent) or version not in (None, cli.version):
            continue
        for name in files.recorded(cli.agent, cli.version):
            if only and name not in only:
                continue
            folder = files.folder_of(cli.agent, cli.version, name)
            differs = not is_current(cli.agent, folder) if check else derive(cli.agent, folder)
            if differs:
                changed.append(f"{cli.agent}/{cli.version}/{name}")
    if as_json:
        typer.echo(json.dumps({"changed": changed}))
    else:
        for name in changed:
            typer.echo(f"{'stale' if check else 'wrote'} {name}/{files.EVENTS}")
        typer.echo(f"{len(changed)} events.json {'are stale' if check else 'changed'}")
    if check and changed:
        raise typer.Exit(1)


def _record(
    agent: str | None, version: str | None, only: list[str] | None, *, as_json: bool
) -> None:
    work = []
    for suite in _suites(agent):
        cli = find(suite.agent, version)
        cases = [c for c in cases_of(suite, cli.version) if not only or c.name in only]
        if only and (missing := set(only) - {c.name for c in cases}):
            raise typer.BadParameter(f"{suite.agent} has no case {', '.join(sorted(missing))}")
        # Installing needs the network that recording then leaves.
        work.append((suite, cli, install(cli.agent, cli.version), cases))
    alone = leave_network()
    if not alone and not as_json:
        typer.echo("the system permits no network of its own: the CLIs could reach the internet")
    failed: dict[str, str] = {}
    with ModelServer() as server:
        for suite, cli, program, cases in work:
            bench = Bench(
                suite=suite,
                adapter=adapter_for(suite.agent),
                program=program,
                install=cache_folder() / cli.agent / cli.version,
                server=server,
            )
            for number, one in enumerate(cases, 1):
                label = f"[{number}/{len(cases)}] {cli.agent} {cli.version} {one.name}"
                problem = _one(bench, cli.version, one, label, quiet=as_json)
                if problem:
                    failed[f"{cli.agent}/{cli.version}/{one.name}"] = problem
    if as_json:
        typer.echo(json.dumps({"isolatedNetwork": alone, "failed": failed}))
    elif failed:
        typer.echo(f"{len(failed)} cases were not recorded: {', '.join(failed)}", err=True)
    if failed:
        raise typer.Exit(1)


def _one(bench: Bench, version: str, case: Case, label: str, *, quiet: bool) -> str | None:
    """Record one case; returns why it failed, or None."""
    started = time.monotonic()
    try:
        outcome = record(bench, case)
    except CaseError as error:
        if not quiet:
            typer.echo(f"{label}  FAILED: {error}", err=True)
        return str(error)
    folder: Path = files.folder_of(bench.suite.agent, version, case.name)
    files.write(folder, outcome.recording)
    derive(bench.suite.agent, folder)
    if not quiet:
        size = len(outcome.recording.stdout)
        ends = [command[-60:] for command in outcome.survivors]
        left = f"  left behind: {'; '.join(ends)}" if ends else ""
        took = time.monotonic() - started
        typer.echo(f"{label}  exit {outcome.recording.exit}, {size} bytes, {took:.1f} s{left}")
        sys.stdout.flush()
    return None
