"""A mirror leg does what its run does, elsewhere, and costs the run nothing."""

from __future__ import annotations

import json
import os
import signal as signals
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import anyio
import psutil
import pytest

from agent_runner import wire
from agent_runner.agents.base import AgentOptions
from agent_runner.api.context import Context
from agent_runner.approvals.decision import Decision
from agent_runner.mirrors.leg import NotIsolatedError, options_for
from agent_runner.mirrors.workspace import Workspace
from agent_runner.runs.active import ActiveRun
from agent_runner.settings import ShadowSettings
from agent_runner.workspace.git import Git
from conversation_store.errors import StoreError
from conversation_store.records import AgentRecord, ComparisonDetail, LegBody, StoredEvent
from conversation_store.sqlite.events import Events
from conversation_store.sqlite.runs import Runs
from conversation_store.states import Isolation
from tests.conftest import Script, Service, Serving
from tests.helpers.asking import pending
from tests.helpers.repositories import git, make, standing
from tests.runs.test_service import ended, events_of, start

pytestmark = pytest.mark.anyio

SELF = {"primary": "headless", "against": "self", "self_share": 0.0}
HERE_ONLY = "primary-only"
"""A file that only the primary's folder has: it is ignored, so no mirror gets it."""


def mirror_only(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"unless": HERE_ONLY, "do": [*steps]}


async def shadowed(
    context: Context, cwd: Path, name: str = "worker", **options: Any
) -> AgentRecord:
    return await context.store.agents.add(
        name,
        agent_type="claude-code",
        comm_mode="shadow",
        options={"cwd": str(cwd), **options},
        now=wire.now(),
    )


async def compared(context: Context, count: int = 1) -> list[ComparisonDetail]:
    """The comparisons, oldest first, once `count` are over and the mirrors are gone."""
    with anyio.fail_after(30):
        while True:
            page = await context.store.comparisons.page(limit=100)
            over = [one for one in page if one.state != "running"]
            if len(over) >= count and not context.mirrors.running:
                break
            await anyio.sleep(0.01)
    return [await context.store.comparisons.get(one.comparison_id) for one in reversed(over)]


async def comparison_told(context: Context, active: ActiveRun) -> StoredEvent:
    """The event that tells of the comparison, once it is stored; it is the last one."""
    with anyio.fail_after(30):
        while True:
            pages = context.store.events.of_conversation(
                active.run.conversation_id, after=0, until=2**62
            )
            last = [event async for page in pages for event in page][-1]
            if last.type == "shadow.compared":
                return last
            await anyio.sleep(0.01)


async def taken(state: Path, sign: str = "tree/.git/packed-refs") -> None:
    """Until a mirror has its copy: what the primary does from here on is not in it."""
    with anyio.fail_after(20):
        while not list((state / "mirrors").glob(f"*/{sign}")):
            await anyio.sleep(0.005)
    await anyio.sleep(0.05)


@contextmanager
def nothing_left(state: Path) -> Iterator[None]:
    """No folder of a mirror and no process of it is left."""
    yield
    assert list((state / "mirrors").iterdir()) == []
    assert processes_in(state) == []


def processes_in(state: Path) -> list[int]:
    return [
        process.pid
        for process in psutil.process_iter(["cwd"])
        if (process.info["cwd"] or "").startswith(str(state / "mirrors"))
    ]


def changed(body: LegBody | None) -> dict[str, str]:
    assert body is not None
    assert body.files is not None
    return {file.path: file.change for file in body.files}


def codes(found: ComparisonDetail) -> set[str]:
    return {reason.code for reason in found.comparison.reasons}


async def test_both_write_the_same_file_and_the_users_tree_is_touched_once(
    serving: Serving, tmp_path: Path, state_dir: Path
) -> None:
    repository = make(tmp_path / "work")
    gate, log = tmp_path / "gate", tmp_path / "log"
    script: Script = [
        {"wait": str(gate)},
        {"write": "kept.txt", "content": "written\n"},
        {"write": "sub/new.txt", "content": "new\n"},
        {"child": ["sh", "-c", f"pwd >> {log}"]},
        {"text": f"done in {repository}"},
    ]
    before = standing(repository)
    with nothing_left(state_dir):
        async with serving(shadow=SELF) as context:
            agent = await shadowed(context, repository)
            active = await start(context, agent, script)
            await taken(state_dir)
            with anyio.fail_after(20):
                while not context.mirrors.living:
                    await anyio.sleep(0.005)
            (process,) = [p.identity.process_id for p in context.mirrors.living]
            assert process in {p.process_id for p in await context.store.processes.all()}
            folder = next((state_dir / "mirrors").iterdir())
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            gate.touch()
            assert (await ended(active)).state == "succeeded"
            (found,) = await compared(context)
            told = await comparison_told(context, active)
    (repository / "kept.txt").write_text("one\nuncommitted\n")
    (repository / "sub" / "new.txt").unlink()
    assert standing(repository) == before
    assert len(log.read_text().splitlines()) == 2
    assert len(set(log.read_text().splitlines())) == 2
    assert changed(found.primary) == {"kept.txt": "modified", "sub/new.txt": "added"}
    assert changed(found.mirror) == changed(found.primary)
    for body in (found.primary, found.mirror):
        assert body is not None
        assert "-uncommitted\n+written" in (body.diff or "")
        assert [call.name for call in body.tool_calls] == ["Write", "Write"]
    one = found.comparison
    assert (one.kind, one.verdict, one.similarity) == ("self", "match", 1.0)
    assert (one.isolation, one.notes) == ("worktree", [])
    assert one.primary_figures is not None
    assert one.primary_figures.cost_usd == 0.001
    assert one.primary_figures.time_to_first_ms is not None
    assert told.run_id is None
    assert json.loads(told.payload)["comparisonId"] == one.comparison_id


async def test_the_mirror_stands_where_the_user_stands(
    serving: Serving, tmp_path: Path, state_dir: Path
) -> None:
    repository = make(tmp_path / "work")
    state = "git status --porcelain; git branch -a; git remote; cat sub/inner.txt"
    git_words = ["sh", "-c", f"({state}; git stash list; git log --oneline) > $0 2>&1; exit 0"]
    script: Script = [
        mirror_only(
            {"child": [*git_words, str(tmp_path / "seen")]}, {"wait": str(tmp_path / "seen.done")}
        ),
        {"text": "x"},
    ]
    async with serving(shadow=SELF) as context:
        agent = await shadowed(context, repository)
        await ended(await start(context, agent, script))
        seen = tmp_path / "seen"
        with anyio.fail_after(20):
            while not seen.exists() or "first" not in seen.read_text():
                await anyio.sleep(0.01)
        (tmp_path / "seen.done").touch()
        await compared(context)
    said = seen.read_text()
    assert said.startswith(git(repository, "status", "--porcelain"))
    assert "* trunk" in said
    assert "  other" in said
    assert "origin" not in said


async def test_what_a_mirror_does_to_its_repository_stays_there(
    serving: Serving, tmp_path: Path
) -> None:
    repository = make(tmp_path / "work")
    before = standing(repository)
    words = "git config user.name x; git config user.email x; git checkout -qb mirrored; "
    words += "git add -A; git commit -qm m; git tag t; git stash; git branch -D other; touch $0"
    done = tmp_path / "done"
    script: Script = [
        mirror_only({"child": ["sh", "-c", words, str(done)]}, {"wait": str(done)}),
        {"text": "x"},
    ]
    async with serving(shadow=SELF) as context:
        agent = await shadowed(context, repository)
        await ended(await start(context, agent, script))
        (found,) = await compared(context)
    assert done.exists()
    assert standing(repository) == before
    assert found.comparison.isolation == "worktree"


@pytest.mark.parametrize(
    ("fault", "verdict", "code"),
    [
        ({"hang": True}, "mirror_failed", "timed_out"),
        ({"die": 3}, "mirror_failed", "cli_error"),
        ({"flood": 20_000, "of": "delta"}, "match", None),
        ({"stderr_flood": 5_000_000}, "match", None),
    ],
    ids=["hangs", "crashes", "floods", "floods stderr"],
)
async def test_what_a_mirror_suffers_costs_the_primary_nothing(
    serving: Serving,
    tmp_path: Path,
    state_dir: Path,
    fault: dict[str, Any],
    verdict: str,
    code: str | None,
) -> None:
    repository = make(tmp_path / "work")
    script: Script = [mirror_only(fault), {"text": "well"}]
    with nothing_left(state_dir):
        async with serving(shadow=SELF) as context:
            agent = await shadowed(context, repository)
            active = await start(context, agent, script, timeout_ms=3000)
            outcome = await ended(active)
            assert (outcome.state, outcome.answer) == ("succeeded", "well")
            if code == "timed_out":
                # The agent is free at once, and the next turn has no mirror.
                again = await ended(await start(context, agent, "next"))
                assert again.duration_ms < 2000
                assert context.mirrors.running
                skipped, found = sorted(
                    await compared(context, 2), key=lambda one: one.comparison.verdict or ""
                )
                assert skipped.comparison.skipped_because == "mirror_behind"
            else:
                (found,) = await compared(context)
            assert outcome.duration_ms < 2500
            types = {event.type for event in await events_of(context, active.run_id)}
            assert "timeout" not in types
            assert all(c.state == "closed" for c in context.circuits.status())
    one = found.comparison
    assert one.verdict == verdict
    assert one.mirror_figures is not None
    if code is not None:
        assert one.mirror_figures.code is not None


async def test_nobody_is_asked_for_a_mirror(
    serving: Serving, tmp_path: Path, state_dir: Path
) -> None:
    """What the primary was allowed, the mirror may; all else it may not."""
    repository = make(tmp_path / "work")
    gate = tmp_path / "gate"
    both = {"ask": "Bash", "input": {"command": f"ls {repository}"}, "log": "allowed.txt"}
    script: Script = [
        both,
        {"ask": "Bash", "input": {"command": "reboot"}, "log": "rejected.txt"},
        mirror_only({"ask": "Bash", "input": {"command": "rm -r /"}, "log": "denied.txt"}),
        mirror_only({"ask": "Read", "input": {"file_path": "x"}, "log": "read.txt"}),
        {"wait": str(gate)},
        {"text": "x"},
    ]
    gate.touch()
    async with serving(shadow={**SELF, "question_ms": 1500}) as context:
        agent = await shadowed(context, repository)
        active = await start(context, agent, script)
        await taken(state_dir)
        for count, approve in ((1, True), (2, False)):
            with anyio.fail_after(20):
                while len(waiting := await context.store.approvals.list(limit=10)) < count:
                    await anyio.sleep(0.01)
            (approval,) = [one for one in waiting if one.state == "pending"]
            decision = Decision(by="x", via="http", approve=approve, input_hash=approval.input_hash)
            await context.approvals.decide(approval.approval_id, decision)
        assert (await ended(active)).state == "succeeded"
        (found,) = await compared(context)
        assert len(await context.store.approvals.list(limit=10)) == 2
    assert changed(found.primary) == {"allowed.txt": "added"}
    assert changed(found.mirror) == {"allowed.txt": "added", "read.txt": "added"}


async def test_a_later_turn_has_its_history(serving: Serving, tmp_path: Path) -> None:
    repository = make(tmp_path / "work")
    async with serving(shadow=SELF) as context:
        agent = await shadowed(context, repository)
        for count in (1, 2):
            await ended(await start(context, agent, f"turn {count}"))
            found = await compared(context, count)
        sessions = [one.comparison.mirror_session for one in found]
        assert sessions[0] is not None
        assert sessions[0] == sessions[1]
        assert [one.comparison.notes for one in found] == [[], []]
        primary = await context.store.conversations.current("worker")
        assert primary is not None
        assert primary.session_id not in sessions
        await ended(await start(context, agent, "no mirror", mode="headless"))
        await ended(await start(context, agent, "and again"))
        found = await compared(context, 3)
        assert found[-1].comparison.notes == ["history_partial"]


async def test_what_is_left_out_is_told(serving: Serving, tmp_path: Path) -> None:
    repository = make(tmp_path / "work")
    os.mkfifo(repository / "pipe")
    async with serving(shadow=SELF) as context:
        await ended(await start(context, await shadowed(context, repository), "hello"))
        (found,) = await compared(context)
        assert found.comparison.verdict == "match"
        assert found.comparison.notes == ["entries_left_out"]
        told = {reason.code: reason.text for reason in found.comparison.reasons}
        assert "pipe (a pipe)" in told["entries_left_out"]


async def test_a_diff_holds_no_secret_of_the_agents(
    serving: Serving, tmp_path: Path, state_dir: Path
) -> None:
    repository, secret = make(tmp_path / "work"), "s3cr3t-0123456789"
    gate = tmp_path / "gate"
    async with serving(shadow=SELF) as context:
        agent = await shadowed(context, repository, env={"TRACKER": secret})
        written = {"write": "kept.txt", "content": f"{secret}\n"}
        active = await start(context, agent, [{"wait": str(gate)}, written, {"text": "x"}])
        await taken(state_dir)
        gate.touch()
        await ended(active)
        (found,) = await compared(context)
        for leg in (found.primary, found.mirror):
            assert leg is not None
            assert f"+{'*' * len(secret)}\n" in (leg.diff or "")


async def test_a_sample_of_headless_with_itself(serving: Serving, tmp_path: Path) -> None:
    repository = make(tmp_path / "work")
    async with serving(shadow={**SELF, "self_share": 1.0}) as context:
        await ended(await start(context, await shadowed(context, repository), "hello"))
        found = await compared(context, 2)
        assert [one.comparison.verdict for one in found] == ["match", "match"]
        assert [one.comparison.kind for one in found] == ["self", "self"]
    async with serving(shadow={**SELF, "self_share": 1.0, "mirrors": 1}) as context:
        agent = await context.store.agents.get("worker")
        await ended(await start(context, agent, "hello"))
        skipped = [one.comparison.skipped_because for one in await compared(context, 4)]
        assert skipped == [None, None, None, "mirrors_busy"]


async def test_a_folder_without_git_is_copied_and_a_large_one_only_read(
    serving: Serving, tmp_path: Path, state_dir: Path
) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "kept.txt").write_text("kept\n")
    (folder / "link").symlink_to(folder / "kept.txt")
    gate = tmp_path / "gate"
    script: Script = [
        {"wait": str(gate)},
        {"write": "link", "content": "over\n"},
        {"text": "x"},
    ]
    async with serving(shadow=SELF) as context:
        agent = await shadowed(context, folder)
        await ended(await start(context, agent, [{"text": "nothing"}]))
        (found,) = await compared(context)
        assert (found.comparison.isolation, found.comparison.verdict) == ("copy", "match")
        active = await start(context, agent, script)
        await taken(state_dir, "mirror-index-0")
        gate.touch()
        await ended(active)
        found = (await compared(context, 2))[-1]
        assert changed(found.primary) == {"kept.txt": "modified"}
        assert set(changed(found.mirror)) == {"kept.txt"}
    async with serving(shadow={**SELF, "copy_bytes": 3}) as context:
        await ended(await start(context, agent, [{"text": "nothing"}]))
        found = (await compared(context, 3))[-1]
        assert found.comparison.isolation == "read_only"
        assert found.comparison.notes[-1:] == ["files_not_compared"]
    # Both legs are in the agent's folder now, and only one of them may write there.
    async with serving(shadow={**SELF, "copy_bytes": 3}) as context:
        careless = await shadowed(context, folder, "careless", permissions="allow")
        ask = {"ask": "Bash", "input": {"command": "x"}, "log": "written"}
        await ended(await start(context, careless, [ask, {"text": "x"}]))
        found = (await compared(context, 4))[-1]
        assert found.comparison.isolation == "read_only"
        assert len((folder / "written").read_text().splitlines()) == 1


async def test_a_cancelled_run_has_no_verdict(
    serving: Serving, tmp_path: Path, state_dir: Path
) -> None:
    repository = make(tmp_path / "work")
    with nothing_left(state_dir):
        async with serving(shadow=SELF) as context:
            agent = await shadowed(context, repository)
            active = await start(context, agent, [{"hang": True}])
            await taken(state_dir)
            await context.runs.cancel("worker", None)
            await ended(active)
            (found,) = await compared(context)
            assert found.comparison.skipped_because == "primary_not_judged"


async def test_a_deleted_conversation_takes_its_mirror_along(
    serving: Serving, tmp_path: Path, state_dir: Path
) -> None:
    repository = make(tmp_path / "work")
    async with serving(shadow=SELF) as context:
        agent = await shadowed(context, repository)
        active = await start(context, agent, [mirror_only({"hang": True}), {"text": "x"}])
        await ended(active)
        await taken(state_dir)
        await context.runs.delete_conversation(active.run.conversation_id)
        await context.mirrors.gone(active.run.conversation_id)
        assert not context.mirrors.running
        assert processes_in(state_dir) == []
        assert await context.store.comparisons.page(limit=10) == []


@pytest.mark.parametrize("signal", ["SIGTERM", "SIGKILL"])
def test_a_restart_leaves_nothing(make_service: Any, tmp_path: Path, signal: str) -> None:
    repository = make(tmp_path / "work")
    service: Service = make_service(shadow=SELF)
    service.register(commMode="shadow", cwd=str(repository))
    script: Script = [mirror_only({"ignore_term": True}, {"hang": True}), {"text": "x"}]
    assert service.run(script).json()["success"]
    found = until(lambda: processes_in(service.state_dir))
    assert found
    before = standing(repository)
    service.restart(signals.Signals[signal])
    assert list((service.state_dir / "mirrors").iterdir()) == []
    until(lambda: not processes_in(service.state_dir))
    with service.client() as client:
        figures = client.get("/api/shadow-mode/metrics").json()
    assert figures["skipped"] == {"service_stopped": 1}
    assert standing(repository) == before
    assert service.run("and on").json()["success"]


def until(holds: Any) -> Any:
    for _ in range(400):
        if found := holds():
            return found
        time.sleep(0.05)
    raise AssertionError("it never came")


async def test_a_mirror_that_cannot_be_removed_keeps_nobody_waiting(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def remove(_: Workspace) -> None:
        raise RecursionError("as deep as that")

    monkeypatch.setattr(Workspace, "remove", remove)
    async with serving(shadow=SELF) as context:
        agent = await shadowed(context, make(tmp_path / "repository"))
        await ended(await start(context, agent, [{"text": "hi"}]))
        with anyio.fail_after(20):
            while context.mirrors.running:
                await anyio.sleep(0.005)
        assert (await ended(await start(context, agent, [{"text": "again"}]))).answer == "again"


@pytest.mark.parametrize(
    ("agent_type", "flag"),
    [
        ("claude-code", "--permission-mode=bypassPermissions"),
        ("claude-code", "--permission-mode"),
        ("claude-code", "--allowedTools=Bash"),
        ("claude-code", '--settings={"permissions":{"defaultMode":"bypassPermissions"}}'),
        ("gemini", "--approval-mode=yolo"),
        ("gemini", "--allowed-tools=run_shell_command"),
        ("factory-droid", "--auto=high"),
    ],
)
def test_an_agent_whose_flags_may_keep_the_cli_from_asking_has_no_mirror(
    agent_type: str, flag: str, tmp_path: Path
) -> None:
    options = AgentOptions(cwd=str(tmp_path), extra_args=[flag])
    workspace = Workspace(cast("Git", None), tmp_path / "m", tmp_path, ShadowSettings())
    with pytest.raises(NotIsolatedError):
        options_for(options, agent_type, workspace)
    harmless = AgentOptions(cwd=str(tmp_path), extra_args=["--verbose"])
    workspace.isolation = Isolation.COPY
    assert options_for(harmless, agent_type, workspace).extra_args == ["--verbose"]


async def test_an_end_that_cannot_be_stored_ends_the_mirror_too(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(shadow=SELF) as context:
        agent = await shadowed(context, make(tmp_path / "work"))

        async def finish(*_: Any, **__: Any) -> None:
            raise StoreError("store_unwritable", "no")

        with monkeypatch.context() as patch:
            patch.setattr(Runs, "finish", finish)
            await ended(await start(context, agent, [{"text": "one"}]))
        with anyio.fail_after(20):
            while context.mirrors.running:
                await anyio.sleep(0.005)
        (found,) = await context.store.comparisons.page(limit=10)
        assert found.skipped_because == "primary_not_judged"


async def test_a_primary_that_waits_at_a_shutdown_is_not_judged(
    serving: Serving, tmp_path: Path, state_dir: Path
) -> None:
    script: Script = [{"ask": "Bash", "input": {"command": "x"}}, {"text": "x"}]
    async with serving(shadow=SELF) as context:
        agent = await shadowed(context, make(tmp_path / "work"), permissions="ask")
        active = await start(context, agent, script)
        await pending(context, active.run_id)
        await taken(state_dir)
    async with serving() as context:
        (found,) = await context.store.comparisons.page(limit=10)
        assert found.skipped_because == "primary_not_judged"


async def test_a_tool_that_was_quicker_than_the_copy_is_noted_however_slow_the_store(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state_dir: Path
) -> None:
    append, gate = Events.append, tmp_path / "gate"

    async def slow(self: Events, conversation_id: str, batch: Any) -> Any:
        if any(event.type == "tool.started" for _, event in batch):
            await taken(state_dir)
            gate.touch()
        return await append(self, conversation_id, batch)

    monkeypatch.setattr(Events, "append", slow)
    script: Script = [
        {"text": "hi"},
        {"write": "kept.txt", "content": "primary\n"},
        {"wait": str(gate)},
        {"text": "x"},
    ]
    async with serving(shadow=SELF) as context:
        agent = await shadowed(context, make(tmp_path / "work"))
        await ended(await start(context, agent, script))
        (found,) = await compared(context)
        assert "snapshot_late" in found.comparison.notes
