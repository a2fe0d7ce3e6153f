"""agent-runner db: look after the database, through the service or without it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import anyio
import typer

from agent_runner import wire
from agent_runner.app.configuration import load_settings
from agent_runner.app.state_dir import StateDir as Folder
from agent_runner.cli.options import Json, StateDir, Token, client
from agent_runner.cli.terminal import ExitCode, fail, out, show_json
from agent_runner.client.http import URL_VARIABLE
from agent_runner.errors import AgentRunnerError, UnavailableError
from agent_runner.maintenance.offline import caretaker_of, check_database, put_back
from agent_runner.maintenance.service import Maintenance
from agent_runner.plain_text import clean
from agent_runner.settings import Settings
from conversation_store.errors import StoreError

db = typer.Typer(
    no_args_is_help=True,
    help="""Check, repair, shrink, back up, restore and measure the database.

    Asks the running service; where no service uses the state folder, works on the folder
    itself. runbooks/database.md explains each finding and has a restore drill.""",
)

ServiceUrl = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar=URL_VARIABLE,
        help="Ask the service there [the one that uses the state folder, if any].",
    ),
]
Work = Callable[[Maintenance], Awaitable[Any]]
_MIB = 1 << 20


@db.command("check")
def check(
    as_json: Json = False,
    url: ServiceUrl = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Look for damage, broken references, gaps, stuck runs and lost files; changes nothing.

    Exit code 1 if anything is found.
    """
    report = _report("POST", "check", lambda c: c.check(), url, token, state_dir, as_json=as_json)
    if as_json:
        show_json(report)
    else:
        _show_check(report)
    if not report["ok"]:
        raise typer.Exit(ExitCode.FAILED)


@db.command("repair")
def repair(
    as_json: Json = False,
    url: ServiceUrl = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Repair what is provable. All that is removed or changed is kept in `repairs/` first.

    Exit code 1 if anything is left that only a person, or a backup, can mend.
    """
    report = _report(
        "POST",
        "cleanup",
        lambda c: c.clean_up(),
        url,
        token,
        state_dir,
        as_json=as_json,
        writes=True,
    )
    if as_json:
        show_json(report)
    else:
        for done in report["repaired"]:
            out.print(clean(f"{done['code']}  {done['subject']}: {done['action']}"))
        if report["kept"]:
            out.print(f"What was removed or changed is kept in {clean(report['kept'])}")
        _show_check(report["left"])
    if not report["ok"]:
        raise typer.Exit(ExitCode.FAILED)


@db.command("vacuum")
def vacuum(
    as_json: Json = False,
    url: ServiceUrl = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Give the space of deleted conversations back to the disk.

    Needs twice the database's size for a while; runs wait meanwhile.
    """
    report = _report(
        "POST", "vacuum", lambda c: c.vacuum(), url, token, state_dir, as_json=as_json, writes=True
    )
    if as_json:
        show_json(report)
    else:
        before, after = report["bytesBefore"], report["bytesAfter"]
        out.print(f"{_size(before)} before, {_size(after)} now.")


@db.command("backup")
def backup(
    as_json: Json = False,
    url: ServiceUrl = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Make a verified backup in the state folder's `backups/`; the service may go on.

    The oldest ones over the setting maintenance.keep_backups are removed.
    """
    report = _report(
        "POST", "backup", lambda c: c.back_up(), url, token, state_dir, as_json=as_json
    )
    if as_json:
        show_json(report)
    else:
        out.print(f"{clean(report['path'])}, {_size(report['bytes'])}, verified.")
        for removed in report["removed"]:
            out.print(f"Removed {clean(removed)}")


@db.command("stats")
def stats(
    as_json: Json = False,
    url: ServiceUrl = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Print sizes, counts, the owner, and what was last done."""
    report = _report("GET", "stats", lambda c: c.stats(), url, token, state_dir, as_json=as_json)
    if as_json:
        show_json(report)
        return
    database, backups = report["database"], report["backups"]
    free = database["freePages"] * database["pageBytes"]
    lease = database["lease"]
    rows: list[tuple[str, object]] = [
        ("database", database["path"]),
        ("size", f"{_size(database['bytes'])}, {_size(free)} of it free"),
        ("log", _size(database["walBytes"])),
        ("schema", database["schemaVersion"]),
        *((name, count) for name, count in database["rows"].items()),
        ("owner", f"{lease['owner']}, epoch {lease['epoch']}, {lease['since']}" if lease else None),
        ("backups", f"{backups['count']}, {_size(backups['bytes'])}"),
        ("newest backup", backups["newest"]),
    ]
    for name in ("lastCheck", "lastCleanup", "lastVacuum", "lastBackup"):
        last = report[name]
        rows.append((f"last {name[4:].lower()}", last["finishedAt"] if last else None))
    for name, value in rows:
        out.print(clean(f"{name:<14} {'-' if value is None else value}"))


@db.command("restore")
def restore(
    file: Annotated[Path, typer.Argument(help="A backup, of `backups/` or elsewhere.")],
    as_json: Json = False,
    state_dir: StateDir = None,
) -> None:
    """Put a backup in the place of the database. The service must be stopped.

    The backup is verified first; the present database is kept in `aside/`.
    """
    try:
        folder, _ = _folder(state_dir)
        with folder.claim():
            kept = put_back(file, folder, folder.aside)
    except StoreError as error:
        fail(UnavailableError(error.code, error.message), as_json=as_json)
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    if as_json:
        show_json({"restored": str(file), "kept": [str(path) for path in kept]})
        return
    out.print(f"{clean(str(file))} is the database now.")
    for path in kept:
        out.print(f"Kept {clean(str(path))}")


def _show_check(report: dict[str, Any]) -> None:
    if report["ok"]:
        out.print(f"Nothing is wrong ({report['durationMs']} ms).")
        return
    findings = report["findings"]
    for finding in findings:
        out.print(clean(f"{finding['code']}  {finding['subject']}"))
        out.print(clean(f"    {finding['detail']}"))
        if finding["repairable"]:
            out.print("    fix: agent-runner db repair")
    out.print()
    found = sum(report["counts"].values())
    if found > len(findings):
        out.print(f"{found - len(findings)} more are not listed.")
    out.print("runbooks/database.md says what each finding means and what to do.")


def _size(count: int) -> str:
    return f"{count / _MIB:.1f} MiB"


def _folder(state_dir: Path | None) -> tuple[Folder, Settings]:
    settings = load_settings(None, {("state_dir",): state_dir})
    return Folder(settings.state_dir), settings


def _report(
    method: str,
    name: str,
    work: Work,
    url: str | None,
    token: str | None,
    state_dir: Path | None,
    *,
    as_json: bool,
    writes: bool = False,
) -> Any:
    """The report of `work` as JSON: of the service if there is one, else done here."""
    try:
        if url is None:
            folder, settings = _folder(state_dir)
            keep = settings.maintenance.keep_backups
            try:
                return anyio.run(_offline, folder, keep, work, writes)
            except UnavailableError as error:
                if error.code != "state_dir_in_use":
                    raise
        with client(url, token, state_dir) as service:
            where = f"/api/integrity/{name}"
            return service.get(where) if method == "GET" else service.send(method, where)
    except StoreError as error:
        fail(UnavailableError(error.code, error.message), as_json=as_json)
    except AgentRunnerError as error:
        fail(error, as_json=as_json)


async def _offline(folder: Folder, keep_backups: int, work: Work, writes: bool) -> Any:
    check_database(folder)
    with folder.claim():
        refusal: StoreError | None = None
        async with caretaker_of(folder, keep_backups=keep_backups, writing=writes) as maintenance:
            try:
                report = await work(maintenance)
            except StoreError as error:
                refusal = error  # past the store's task group, which would wrap it
    if refusal is not None:
        raise refusal
    return json.loads(wire.encode(report))
