"""The runbooks say what the code does: their tables against it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from agent_runner import emitter, mirrors
from agent_runner.agents.base import AgentOptions, Form
from agent_runner.agents.custom.supervised_schema import (
    MESSAGE_CHARACTERS,
    MOST_ANSWERS,
    Answer,
    ApprovalNeeded,
    Heartbeat,
    arguments,
    decode,
    environment,
)
from agent_runner.agents.permissions import (
    LONGEST_PATTERN,
    MOST_ARGUMENTS,
    MOST_RULES,
    Permissions,
    Preset,
)
from agent_runner.agents.policy import LONGEST_VALUE, MOST_CALLS, decide
from agent_runner.agents.registry import ADAPTERS, adapter_for
from agent_runner.agents.screen import profile as screen_ui
from agent_runner.agents.screen.options import ScreenOptions
from agent_runner.agents.shell import MOST_PARTS
from agent_runner.agents.tool_calls import QUESTION_TOOLS, READING_KINDS, READING_TOOLS
from agent_runner.api.agent_reply import AgentState
from agent_runner.api.page_stream import FEEDS
from agent_runner.app.background import LONGEST_PAUSE_S, PAUSE_S, SHOWN_S
from agent_runner.app.clock_watch import CHECK_S
from agent_runner.approvals import hooks
from agent_runner.attachments.service import MOST_INLINE
from agent_runner.cli.db import db
from agent_runner.cli.main import application
from agent_runner.cli.shadow import shadow
from agent_runner.clock import TOLERANCE_S
from agent_runner.decoding.decode import Drift
from agent_runner.decoding.terminal import Setup
from agent_runner.errors import BadRequestError
from agent_runner.events.registry import events_of
from agent_runner.maintenance.store_watch import WAL_ALARM_BYTES
from agent_runner.mirrors.workspace import MOST_WITHIN
from agent_runner.process.keeper import LIFELINE_GRACE_S
from agent_runner.runners.cli_process import _ASK_SHARE
from agent_runner.runs.attempts import RESUME_ATTEMPTS
from agent_runner.settings import AutomaticSettings, CriteriaSettings, ShadowSettings
from agent_runner.troubles import TroubleCode
from agent_runner.workspace.files import MOST_BYTES, MOST_ENTRIES
from conversation_store.codes import FailureCode
from conversation_store.findings import FindingCode
from conversation_store.health import Fault
from conversation_store.sqlite.reserve import RESERVE_BYTES
from conversation_store.sqlite.search_text import LONGEST
from conversation_store.sqlite.store import QUICK_CHECK_S
from conversation_store.sqlite.writer import RETRY_S
from conversation_store.states import Delivery, Isolation, StoreState, Verdict
from fallback import guard
from fallback.plan import Source
from shadow.compare import FAR_APART, LONGEST_TEXT
from shadow.criteria import UNFAIR, Readiness, judge
from shadow.thresholds import SIMILAR_AT, Thresholds
from tests.conftest import Service
from tests.test_docs import rows

DATABASE = Path(__file__).parent.parent / "runbooks" / "database.md"
RUNBOOK = Path(__file__).parent.parent / "runbooks" / "clis.md"
COLUMNS = ("claude-code", "gemini", "factory-droid", "codex")


def row(name: str) -> dict[str, str]:
    line = next(x for x in RUNBOOK.read_text().splitlines() if x.startswith(f"| {name} |"))
    cells = [cell.strip() for cell in line.strip("|").split("|")][1:]
    return dict(zip(COLUMNS, cells, strict=True))


def taken(agent: str, options: AgentOptions, form: Form) -> bool:
    try:
        adapter_for(agent).launch(options, form, resume=None, private_dir="/private")
        adapter_for(agent).protocol(options, form, resume=None)
    except BadRequestError as error:
        if error.code != "unsupported_option":
            raise
        return False
    return True


@pytest.mark.parametrize("agent", COLUMNS)
def test_mcp_servers(agent: str) -> None:
    options = AgentOptions(cwd="/", mcp_servers={"x": {"command": "true"}})
    said = row("MCP servers of the agent")[agent]
    assert taken(agent, options, Form.WARM)
    assert taken(agent, options, Form.ONE_SHOT) is (said == "both forms")


@pytest.mark.parametrize("agent", COLUMNS)
def test_max_turns(agent: str) -> None:
    options = AgentOptions(cwd="/", max_turns=3)
    said = row("`maxTurns`")[agent].startswith("yes")
    assert taken(agent, options, Form.WARM) is said
    assert taken(agent, options, Form.ONE_SHOT) is said


@pytest.mark.parametrize("agent", COLUMNS)
def test_a_later_turn_and_a_cancel_by_message(agent: str) -> None:
    assert row("a later turn on the warm process")[agent] == "yes"
    assert Form.WARM in adapter_for(agent).forms
    assert row("cancel by message, process kept")[agent] == "yes"


def first_cells(runbook: Path, title: str) -> list[str]:
    """The codes in the table below a heading."""
    section = runbook.read_text("utf-8").split(f"## {title}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


def test_every_finding_is_explained() -> None:
    assert first_cells(DATABASE, "What a check finds") == [*FindingCode]


def test_every_state_of_the_store_is_explained() -> None:
    faults = [Fault(state, "") for state in StoreState if state is not StoreState.OK]
    assert first_cells(DATABASE, "When it does not work") == [f.error().code for f in faults]


def test_every_command_is_shown() -> None:
    shown = set(re.findall(r"agent-runner db (\w+)", DATABASE.read_text("utf-8")))
    assert shown == {command.name for command in db.registered_commands}


def test_its_figures_are_those_of_the_code() -> None:
    text = " ".join(DATABASE.read_text("utf-8").split())
    assert f"the {RESERVE_BYTES >> 20} MiB file `reserve`" in text
    assert f"for damage for {QUICK_CHECK_S:.0f} s at most" in text
    assert f"is over {WAL_ALARM_BYTES >> 20} MiB" in text
    assert RETRY_S == 0.5
    assert "every half second" in text


def test_the_restore_drill_works(service: Service, tmp_path: Path) -> None:
    """The drill's commands, as they stand there, on a real state folder."""
    drill = DATABASE.read_text("utf-8").split("## Restore drill\n")[1].split("```")[1]
    lines = [shlex.split(line, comments=True) for line in drill.splitlines()[1:]]
    commands = [words[1:] for words in lines if words]
    assert [words[:2] for words in commands] == [
        ["db", "backup"],
        ["db", "restore"],
        ["db", "check"],
        ["db", "repair"],
        ["serve"],
    ]
    env = {"AGENT_RUNNER_STATE_DIR": str(service.state_dir)}

    def run(words: list[str], **more: str) -> tuple[int, str]:
        done = CliRunner().invoke(application(words[:1]), words, env={**env, **more})
        return done.exit_code, done.output

    kept = service.run("in the backup").json()["runId"]
    assert run(commands[0], AGENT_RUNNER_URL=service.url)[0] == 0
    lost = service.run("later").json()["runId"]
    service.stop()
    (backup,) = (service.state_dir / "backups").iterdir()
    assert backup.match(Path(commands[1][2]).name.replace("TIME", "*"))
    assert run(["db", "restore", str(backup)])[0] == 0
    code, output = run(commands[2])
    assert (code, "raw_without_run" in output) == (1, True)
    assert run(commands[3])[0] == 0
    service.start()
    with service.client() as client:
        assert client.get(f"/runs/{kept}").json()["content"] == "echo: in the backup"
        assert client.get(f"/runs/{lost}").status_code == 404
    service.stop()
    (aside,) = (service.state_dir / "aside").rglob("*.db")
    assert run(["db", "restore", str(aside)])[0] == 0
    service.start()
    with service.client() as client:
        assert client.get(f"/runs/{lost}").json()["content"] == "echo: later"


def test_what_supervision_shows_has_its_name() -> None:
    text = (DATABASE.parent / "supervision.md").read_text()
    table = text.split("| What you see |")[1].split("\n\n")[0]
    shown = re.findall(
        r"`([a-z_.]+)`", " ".join(line.split("|")[1] for line in table.splitlines()[2:])
    )
    tags = set(events_of("conversation"))
    assert shown
    assert set(shown) <= tags | set(FailureCode)


def test_every_trouble_of_health_is_explained() -> None:
    shown = first_cells(
        DATABASE.parent / "supervision.md", "When something beside the requests fails"
    )
    assert shown == [*get_args(TroubleCode)]
    assert (PAUSE_S, LONGEST_PAUSE_S, SHOWN_S) == (1.0, 60.0, 60.0)
    assert (CHECK_S, TOLERANCE_S) == (1.0, 2.0)


def test_supervision_takes_the_times_it_says() -> None:
    assert (LIFELINE_GRACE_S, _ASK_SHARE, RESUME_ATTEMPTS) == (0.5, 0.5, 2)


PERMISSIONS = Path(__file__).parent.parent / "runbooks" / "permissions.md"


def test_every_preset_is_explained() -> None:
    text = PERMISSIONS.read_text("utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", text.split("\nor an object")[0], re.MULTILINE)) == {
        "permissions",
        *get_args(Preset),
    }
    assert AgentOptions(cwd="/").permissions == "ask"
    assert "| `ask` | Every question is put to a person. The default. |" in text


def test_what_the_policy_says_of_itself_is_so() -> None:
    text = " ".join(PERMISSIONS.read_text("utf-8").split())
    assert f"at most {MOST_RULES} rules with at most {MOST_ARGUMENTS} arguments each" in text
    assert f"at most {LONGEST_PATTERN} characters" in text
    assert (
        f"over {LONGEST_VALUE >> 10} KiB of a value, a command of more than {MOST_PARTS} parts"
        in text
    )
    assert f"more than {MOST_CALLS} at once" in text
    reading = text.split("`readonly` goes by")[1].split("Fetching")[0]
    assert set(re.findall(r"`(\w+)`", reading)) == READING_TOOLS | READING_KINDS
    questions = text.split("never answered by an `allow`**")[1].split("`deny`")[0]
    assert set(re.findall(r"`(\w+)`", questions)) < QUESTION_TOOLS


def test_the_rules_of_the_runbook_do_what_they_say() -> None:
    shown = PERMISSIONS.read_text("utf-8").split("```json\n")[1].split("```")[0]
    permissions = msgspec.json.decode(shown, type=Permissions)

    def action(tool: str, **given: str) -> str:
        return decide(permissions, tool, None, given).action

    assert action("Bash", command="git push origin") == "ask"
    assert action("Bash", command="git status") == "allow"
    assert action("Bash", command="git status; rm -rf ~") == "ask"
    assert action("Read", file_path="/work/.env.local") == "deny"
    assert action("mcp__tracker__close") == "allow"
    assert action("Write", file_path="/work/a") == "ask"


PROTOCOL = Path(__file__).parent.parent / "runbooks" / "approval-protocol.md"
TOOL = Path(__file__).parent / "tools" / "clean_up.py"


def blocks(runbook: Path, language: str) -> list[str]:
    """The blocks of code in one language."""
    return re.findall(rf"```{language}\n(.*?)```", runbook.read_text("utf-8"), re.DOTALL)


def test_the_example_of_a_tool_is_the_one_that_is_tested() -> None:
    (shown,) = blocks(PROTOCOL, "python")
    assert shown == TOOL.read_text("utf-8")
    assert len(shown.splitlines()) <= 30


def test_the_events_of_the_protocol_are_events() -> None:
    (shown,) = blocks(PROTOCOL, "json")
    events = [decode(line.encode(), Drift()) for line in shown.splitlines()]
    assert [type(event) for event in events] == [Heartbeat, *[ApprovalNeeded] * 3]


def test_the_limits_and_variables_of_the_protocol_are_those_of_the_code() -> None:
    text = " ".join(PROTOCOL.read_text("utf-8").split())
    assert f"1 to {emitter.QUESTION_BYTES} bytes" in text
    assert f"1 to {emitter.MOST_OPTIONS}: texts" in text
    assert f"at most {emitter.OPTION_BYTES} bytes" in text
    assert f"at most {emitter.MOST_LEVELS} levels" in text
    assert f"A line has at most {emitter.LINE_BYTES} bytes" in text
    assert f"kept back up to {emitter.LINE_BYTES} bytes" in text
    assert f"at most {MOST_ANSWERS} in one run" in text
    assert f"cut at {MESSAGE_CHARACTERS} characters" in text
    assert f"exits with code **{emitter.WAITING}**" in text
    answer = Answer(hash="aa", approval_id="appr_1", decision="approve")
    named = re.findall(r"^\| `(AGENT_RUNNER_\w+)` \|", PROTOCOL.read_text("utf-8"), re.MULTILINE)
    assert named == list(environment([answer]))


def test_the_shell_script_of_the_protocol_works() -> None:
    script = blocks(PROTOCOL, "sh")[0]

    def run(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["sh", "-c", script, "script", *words],
            env={"PATH": os.environ["PATH"], **env},
            capture_output=True,
            timeout=60,
            check=False,
        )

    first = run({})
    assert (first.returncode, first.stdout) == (emitter.WAITING, b"")
    assert isinstance(decode(first.stderr.strip(), Drift()), ApprovalNeeded)
    answers = [Answer(hash="aa", approval_id="appr_1", decision="approve")]
    again = run(environment(answers), *arguments(answers))
    assert (again.returncode, again.stdout) == (0, b"restarting, as appr_1 allows\n")


def test_the_wrapper_takes_what_the_protocol_shows() -> None:
    lines = blocks(PROTOCOL, "sh")[1].splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    assert words[0][:2] == ["agent-runner", "wrap"]
    assert words[1][:3] == ["python", "-m", "agent_runner.supervised"]
    for given in (words[0][2:], words[1][3:]):
        assert given == ["--every", "20", "--", "make", "release"]
    done = CliRunner().invoke(application(["wrap"]), ["wrap", "--every", "0", "--", "true"])
    assert done.exit_code == 2


APPROVALS = (Path(__file__).parent.parent / "runbooks" / "approvals.md").read_text("utf-8")


def test_the_answers_of_the_approvals_runbook_are_what_the_sessions_take() -> None:
    lines = [line.strip("| ").split(" | ") for line in APPROVALS.splitlines() if "| " in line]
    cells = {line[0].split("`")[1]: line[1:] for line in lines if line[0].startswith("`")}
    options = AgentOptions(cwd="/", command=["tool"])
    for column, kind in enumerate((*COLUMNS, "custom")):
        session = adapter_for(kind).protocol(options, Form.WARM, resume=None)
        for feature, row_name in (
            ("session", "scope: session"),
            ("updatedInput", "updatedInput"),
            ("stop", "stop"),
        ):
            said = not cells[row_name][column].startswith("no")
            if kind != "custom":
                assert (feature in session.features) is said, (kind, feature)
            else:
                assert not said


def test_the_numbers_of_the_approvals_runbook() -> None:
    for delivery in Delivery:
        assert f"| `{delivery}` |" in APPROVALS
    waits = [f"{seconds:g}" for seconds in hooks.RETRY_AFTER_S]
    assert f"{', '.join(waits[:-1])} and {waits[-1]} s" in " ".join(APPROVALS.split())
    assert f"{hooks.COMMAND_TIMEOUT_S:g} s" in APPROVALS


FALLBACK = (RUNBOOK.parent / "fallback.md").read_text("utf-8")


def test_every_evidence_is_explained() -> None:
    named = {"circuit_open", "doctor", *guard._WHAT}
    assert set(rows(FALLBACK)) == {*Source, *named}
    for setting in re.findall(r"`(\w+_\w+)`", FALLBACK):
        known = {*AutomaticSettings.model_fields, *named, *Source, "tmux_unavailable"}
        assert setting in known, setting


SHADOW = (Path(__file__).parent.parent / "runbooks" / "shadow.md").read_text("utf-8")


def test_the_words_of_the_shadow_runbook_are_those_of_the_code() -> None:
    def words(title: str) -> list[str]:
        section = SHADOW.split(f"| {title} |")[1].split("\n\n")[0]
        return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)

    assert words("`isolation`") == [*Isolation]
    assert words("Criterion") == [check.name for check in judge_nothing().checks]
    source = "".join(
        file.read_text("utf-8") for file in (Path(mirrors.__file__).parent).glob("*.py")
    )
    for word in words("`skippedBecause`"):
        assert f'"{word}"' in source, word
    for word in ("snapshot_late", "history_partial", "files_not_compared", "entries_left_out"):
        assert f"`{word}`" in SHADOW
        assert f'"{word}"' in source
    assert set(re.findall(r"`(\w+_(?:partial|late))`", SHADOW)) == set(UNFAIR)
    section = SHADOW.split("## Verdicts\n")[1].split("A comparison that")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [*Verdict]


def judge_nothing() -> Readiness:
    return judge([], Thresholds(), since="", until="")


def test_the_numbers_of_the_shadow_runbook_are_those_of_the_code() -> None:
    text, limits = " ".join(SHADOW.split()), Thresholds()
    assert ShadowSettings().criteria == CriteriaSettings()
    assert CriteriaSettings().model_dump() == msgspec.structs.asdict(limits)
    assert ShadowSettings().similar_at == SIMILAR_AT == 0.8
    assert "at least 80 % alike" in text
    assert f"up to {MOST_WITHIN}." in text
    assert f"the first {LONGEST_TEXT >> 10} KiB of each answer" in text
    assert f"are {FAR_APART:g} times the other's" in text
    assert f"| `sample` | {limits.least_comparisons} comparisons" in text
    assert f"comparisons of {limits.least_days} days" in text
    assert f"{100 * limits.least_success:g} % of the headless legs" in text
    assert f"{100 * limits.least_match:g} % of the judged comparisons" in text
    assert f"less than {100 * limits.most_corrupt:g} % of the headless outputs" in text


def test_the_commands_of_the_shadow_runbook_are_there() -> None:
    shown = set(re.findall(r"agent-runner shadow (\w+)", SHADOW))
    assert shown == set(get_command(shadow).commands)  # type: ignore[attr-defined]


def test_the_options_of_a_screen_are_those_of_the_code() -> None:
    section = RUNBOOK.read_text("utf-8").split("| In `terminal` |")[1].split("\n\n")[0]
    cells = [re.split(r"(?<!\\)\|", line)[1:3] for line in section.splitlines()[2:]]
    told = {name.strip(" `"): default.strip(" `") for name, default in cells}
    defaults = msgspec.structs.asdict(ScreenOptions())
    assert told.pop("prompt").replace("\\|", "|") == defaults.pop("prompt")
    assert {name: json.loads(text) for name, text in told.items()} == defaults
    assert f"more than {Setup.__struct_defaults__[-1]:,} lines" in RUNBOOK.read_text("utf-8")
    assert screen_ui.READY_MS == 60_000
    assert f"most {screen_ui.LINE_BYTES} bytes" in RUNBOOK.read_text("utf-8")


CHAT = (Path(__file__).parent.parent / "runbooks" / "chat.md").read_text("utf-8")


def test_what_each_cli_takes() -> None:
    """Steering and messages are told by the real CLIs' tests; images and forks by adapters too."""
    rows = re.findall(
        r"^\| `([\w-]+)` \| ([^|]*) \| [^|]* \| [^|]* \| (\w+) \|", CHAT, re.MULTILINE
    )
    told = {name: (images, fork) for name, images, fork in rows if name != "type"}
    for name in sorted(ADAPTERS):
        if name == "replay":
            continue
        adapter = adapter_for(name)
        forms = sorted(adapter.image_forms)
        forks = adapter.fork_args("session", None, Form.WARM) is not None
        assert told.pop(name) == (", ".join(forms) or "no", "yes" if forks else "no")
    assert not told


def test_states_of_agents_and_feeds() -> None:
    table = CHAT.partition("| `state` |")[2].partition("With `pending")[0]
    assert re.findall(r"^\| `(\w+)` ", table, re.MULTILINE) == [
        *("running", "waiting", "queued", "background", "idle")
    ]
    assert set(re.findall(r"`(\w+)`", table)) == set(get_args(AgentState))
    assert f"feeds={','.join(FEEDS)}" in CHAT
    assert f"{LONGEST:,} characters are searched" in CHAT
    assert f"up to {MOST_INLINE >> 20} MiB" in CHAT
    assert f"at most {MOST_BYTES >> 20} MiB of it and {MOST_ENTRIES}" in CHAT.replace("\n", " ")
