"""The console command against a running service: what it prints, and how it exits."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from agent_runner.cli.main import application
from agent_runner.cli.terminal import ExitCode
from agent_runner.client.http import Client
from tests.conftest import ModuleService, Script, Service
from tests.helpers.trial import LONGEST_S, wait_until


def command(*argv: str, env: dict[str, str] | None = None, given: bytes = b"") -> Any:
    return subprocess.run(
        [sys.executable, "-m", "agent_runner.cli.main", *argv],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8", **(env or {})},
        input=given,
        capture_output=True,
        timeout=60,
        check=False,
    )


def call(service: Service, *argv: str, given: bytes = b"") -> tuple[int, str, str]:
    """Exit code, stdout and stderr; the token is found in the state folder."""
    env = {"AGENT_RUNNER_URL": service.url, "AGENT_RUNNER_STATE_DIR": str(service.state_dir)}
    done = CliRunner().invoke(application(argv[:1]), argv, env=env, input=given)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done.exit_code, done.stdout, done.stderr


def execute(service: Service, script: Script, *more: str) -> tuple[int, str, str]:
    return call(service, "exec", *more, "worker", json.dumps(script))


def test_stdout_is_exactly_the_answer(live: Service) -> None:
    answer = "first line\n\n  second: [x](y) [red]ü[/red] :smile:  "
    script: Script = [{"tool": "Bash", "input": {"command": "ls"}}, {"text": answer, "deltas": 7}]
    code, out, err = execute(live, script)
    assert (code, out) == (ExitCode.OK, answer + "\n")
    assert '[Bash] {"command": "ls"}' in err


def test_a_prompt_may_come_by_stdin_or_look_like_a_flag(live: Service) -> None:
    assert call(live, "exec", "worker", "-", given="ü\nline two".encode())[:2] == (
        0,
        "echo: ü\nline two\n",
    )
    assert call(live, "exec", "worker", "--", "--help")[:2] == (0, "echo: --help\n")


FAKE = "waits for approval: may the agent use Bash?"


@pytest.mark.parametrize("between", ["\n", "\r\n", "\r", "\u2028", "\x85", "\x1b[1E", " " * 100])
def test_a_foreign_text_does_not_look_like_a_question(live: Service, between: str) -> None:
    """An error, a tool's name, its input or its output: only our lines begin at the margin."""
    told = f"failed{between}{FAKE}{between}  agent-runner approvals show appr_1"
    script: Script = [
        {"tool": told, "input": {"command": told}, "output": told},
        {"error": told, "status": 400},
    ]
    _, _, err = execute(live, script)
    assert "failed" in err
    for line in err.splitlines():
        assert not line.lstrip().startswith(("waits for approval", "agent-runner approvals"))
    assert " " * 3 not in err


def test_every_end_has_its_exit_code(live: Service, tmp_path: Path) -> None:
    live.register("stranger")
    script = json.dumps([{"error": "Invalid API key", "status": 401}])
    code, out, err = call(live, "exec", "stranger", script)
    assert (code, out) == (ExitCode.FAILED, "")
    assert "[auth_required]" in err
    assert "hint:" in err or "failed" in err
    code, out, err = execute(live, [{"hang": True}], "--timeout", "0.3")
    assert (code, out) == (ExitCode.TIMED_OUT, "")
    assert "[timed_out]" in err
    here = tmp_path / "here"
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "agent_runner.cli.main", "exec", "--url", live.url),
            *("--token", live.token, "worker", json.dumps([{"touch": str(here)}, {"hang": True}])),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as running:
        while not here.exists():
            assert running.poll() is None
        with live.client() as client:
            client.post("/agents/worker/execute/cancel", json={})
        assert running.wait(20) == ExitCode.CANCELLED
    assert call(live, "exec", "nobody", "x")[0] == ExitCode.FAILED
    assert call(live, "exec", "worker")[0] == ExitCode.USAGE


@pytest.mark.parametrize("patient", [True, False])
def test_ctrl_c_cancels_the_run_and_a_second_one_leaves_it(
    live: Service, tmp_path: Path, patient: bool
) -> None:
    here = tmp_path / "here"
    script = [{"text": "begun"}, {"touch": str(here)}, *([] if patient else [{"deaf": True}])]
    argv = ["exec", "--url", live.url, "--token", live.token, "worker"]
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "agent_runner.cli.main",
            *argv,
            json.dumps([*script, {"hang": True}]),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever starts the tests in the background has it ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        watchdog = threading.Timer(LONGEST_S, running.kill)
        watchdog.start()
        assert running.stdout.readline() == "begun\n"
        running.send_signal(signal.SIGINT)
        told = [running.stderr.readline() for _ in range(2)]
        assert "cancelling" in told[-1]
        if not patient:
            running.send_signal(signal.SIGINT)
        expected = ExitCode.CANCELLED if patient else ExitCode.INTERRUPTED
        left = running.wait()
        watchdog.cancel()
        rest = running.stderr.read()
        assert left == expected, rest
        assert ("cancelled" if patient else "goes on in the service") in rest
        assert running.stdout.read() == ""
    with live.client() as client:
        client.post("/agents/worker/execute/cancel", json={})


def test_json_is_one_event_on_each_line(live: Service) -> None:
    code, out, err = execute(live, [{"text": "a\u2028b\x85c", "deltas": 2}], "--json")
    assert (code, err) == (0, "")
    events = [json.loads(line) for line in out.splitlines()]
    assert events[0]["type"] == "run.queued"
    assert events[-1]["type"] == "run.finished"
    (message,) = [e for e in events if e["type"] == "message.completed"]
    assert message["text"] == "a\u2028b\x85c"


CORPUS = [
    "\x1b[2J\x1b[31mred",
    "\x1b]52;c;cHduZWQ=\x07",
    "\x1b]0;title\x1b\\",
    "\x9b2J\x90q\x9c\x9d0;x\x07",
    "back\x08space\x7f bell\x07 null\x00",
    "carriage\rreturn\x0b\x0c",
    "\u202eevil\u202c \u2066a\u2069 \u200f\u061c",
    "sep\u2028\u2029\x85",
    "no\u200bwidth\ufeff\u2060\xad\U000e0041",
]
UNSAFE = {*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), *"\u061c\u200e\u200f\u2028\u2029"}
UNSAFE |= {*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}
UNSAFE |= {*"\u200b\ufeff\u2060\xad\U000e0041"}
UNSAFE -= {"\n"}


def harmless(*texts: str) -> None:
    for text in texts:
        assert not UNSAFE & set(text), [c for c in text if c in UNSAFE]


def test_nothing_that_acts_on_a_terminal_reaches_it(live: Service) -> None:
    script: Script = []
    for text in CORPUS:
        script += [
            {"text": f"safe {text}", "deltas": 3},
            {"tool": text, "input": {"x": text}, "output": text},
            {"ask": text, "input": {"x": text}},
            {"text": text, "deltas": 0},
        ]
    script.append({"error": f"API Error: {''.join(CORPUS)}", "status": 500})
    name, prompt = "corpus", json.dumps(script)
    live.register(name, permissions="deny")
    code, out, err = call(live, "exec", name, prompt)
    assert code == ExitCode.FAILED
    assert "safe" in out
    harmless(out, err)
    harmless(*call(live, "exec", "--json", name, prompt)[1:])
    with live.client() as client:
        conversation = client.get(f"/agents/{name}/conversation").json()["conversation"]
    shown = call(live, "conversations", "show", conversation["conversationId"])
    assert "safe" in shown[1]
    harmless(*shown[1:])
    harmless(*call(live, "conversations", "show", conversation["conversationId"], "--json")[1:])
    for text in CORPUS:
        code, *texts = call(live, "agents", "show", f"no{text}")
        assert code == ExitCode.FAILED
        harmless(*texts)


def test_a_stream_may_be_quiet(make_service: ModuleService, tmp_path: Path) -> None:
    service = make_service(constants={"agent_runner.api.streams.HEARTBEAT_S": 0.05})
    service.register()
    gate = tmp_path / "gate"
    threading.Timer(0.5, gate.touch).start()
    script: Script = [{"text": "first"}, {"wait": str(gate)}, {"text": "second"}]
    code, out, err = execute(service, script)
    assert (code, out.split()) == (ExitCode.OK, ["first", "second"]), err


def test_agents_from_first_to_last(live: Service, tmp_path: Path) -> None:
    cwd = str(live.cwd)
    add = ("agents", "add", "mine", "--type", "claude-code", "--cwd", cwd, "--model", "m")
    code, out, _ = call(live, *add, "-o", 'allowedTools=["Bash"]', "-o", "maxTurns=3")
    assert code == 0
    assert "agent-runner exec mine" in out
    code, out, _ = call(live, "agents", "show", "mine")
    shown = json.loads(out)
    assert shown["options"] == {
        "cwd": cwd,
        "model": "m",
        "allowedTools": ["Bash"],
        "maxTurns": 3,
    }
    code, out, _ = call(live, "agents", "list")
    assert out.splitlines()[0].split() == [
        *("AGENT", "NAME", "TYPE", "MODE", "STATE", "MODEL", "CWD")
    ]
    row = ["mine", "-", "claude-code", "headless", "idle", "m", cwd]
    assert row in [line.split() for line in out.splitlines()]
    listed = json.loads(call(live, "agents", "list", "--json")[1])
    assert shown in listed
    assert call(live, "agents", "remove", "mine")[:2] == (0, "mine is removed.\n")
    code, out, err = call(live, "agents", "remove", "mine")
    assert (code, out) == (ExitCode.FAILED, "")
    assert "[agent_not_found]" in err
    assert call(live, *add, "-o", "model=nojson")[0] == ExitCode.USAGE
    code, out, err = call(live, *add[:-4], "--cwd", "/etc", "--json")
    assert code == ExitCode.FAILED
    assert json.loads(out)["code"] == "cwd_not_allowed"


def test_conversations_from_none_to_some(live: Service) -> None:
    live.register("talker")
    code, out, _ = call(live, "conversations", "list", "talker")
    assert code == 0
    assert 'agent-runner exec talker "Hello"' in out
    assert json.loads(call(live, "conversations", "list", "talker", "--json")[1]) == []
    ids = {live.run(f"turn {n}", "talker").json()["conversationId"] for n in range(52)}
    (conversation,) = ids
    code, out, _ = call(live, "conversations", "list", "talker")
    heads, row = (line.split() for line in out.splitlines())
    assert heads == ["CONVERSATION", "AGENT", "STATE", "TURNS", "UPDATED", "TITLE"]
    assert (row[:4], row[5:]) == ([conversation, "talker", "open", "104"], ["turn", "0"])
    assert conversation in call(live, "conversations", "list")[1]
    turns = json.loads(call(live, "conversations", "show", conversation, "--json")[1])
    assert [turn["seq"] for turn in turns] == list(range(1, 105))
    code, out, _ = call(live, "conversations", "show", conversation)
    lines = out.splitlines()
    assert lines[0].startswith("--- 1 user ")
    assert lines[1] == "turn 0"
    assert lines[3] == "echo: turn 0"
    assert call(live, "conversations", "show", "nothing")[0] == ExitCode.FAILED


def test_a_conversation_is_found_and_exported(live: Service) -> None:
    live.register("finder")
    conversation = live.run("a need[31mle in ‮hay", "finder").json()["conversationId"]
    code, out, _ = call(live, "search", "need", "--agent", "finder")
    assert code == 0
    harmless(out)
    assert out.startswith(f"--- {conversation} 2 assistant ")
    hits = json.loads(call(live, "search", "need", "--agent", "finder", "--json")[1])
    assert [hit["seq"] for hit in hits] == [2, 1]
    assert call(live, "search", "nowhere-at-all")[:2] == (0, "Nothing was found.\n")
    assert "[invalid_search]" in call(live, "search", "--", "-only")[2]
    code, out, _ = call(live, "conversations", "export", conversation)
    harmless(out)
    assert "## User, " in out
    code, out, _ = call(live, "conversations", "export", conversation, "--format", "json")
    harmless(out)
    assert [turn["seq"] for turn in json.loads(out)["turns"]] == [1, 2]
    code, _, err = call(live, "conversations", "export", conversation, "--format", "pdf")
    assert "[invalid_parameter]" in err


def test_usage_tells_unknown_from_nothing(live: Service) -> None:
    assert "No runs yet" in call(live, "usage", "--since", "2999-01-01")[1]
    live.register("told")
    live.register("untold", type="custom", command=["/bin/cat"])
    for name in ("told", "untold"):
        live.run("x", name)
    code, out, _ = call(live, "usage")
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    assert rows["told"] == ["1", "1", "1", "3", "5", "unknown", "unknown", "0.0010"]
    assert rows["untold"] == ["1", "0", "0", *["unknown"] * 5]
    assert code == 0
    assert json.loads(call(live, "usage", "--by", "day", "--json")[1])["by"] == "day"
    assert "[invalid_parameter]" in call(live, "usage", "--by", "colour")[2]


def test_a_prompt_has_its_own_files_and_settings(live: Service, tmp_path: Path) -> None:
    live.register("own")
    image = tmp_path / "a b.png"
    image.write_bytes(b"\x89PNG\r\n\x1a\n")
    prompt = json.dumps([{"images": True}])
    more = ["--file", str(image), "--model", "better", "--permission-mode", "plan"]
    code, out, err = call(live, "exec", *more, "own", prompt)
    assert (code, out) == (0, f"{sha256(image.read_bytes()).hexdigest()}\n")
    assert "model: better, permission mode: plan" in err
    code, _, err = call(live, "exec", "--file", str(tmp_path / "none"), "own", "x")
    assert (code, "[file_unreadable]" in err) == (ExitCode.FAILED, True)
    image.write_bytes(b"")
    assert "[attachment_empty]" in call(live, "exec", "--file", str(image), "own", "x")[2]


def test_a_prompt_goes_into_the_running_turn(live: Service, tmp_path: Path) -> None:
    live.register("steered")
    go = tmp_path / "go"
    script: Script = [
        {"streamed": ["begun"], "then_wait": str(go)},
        {"tool": "Bash"},
        {"heard": True},
    ]
    told: list[tuple[int, str, str]] = []
    first = threading.Thread(target=lambda: live.run(script, "steered"))
    first.start()

    def has_begun() -> bool:
        with live.client() as client:
            sessions = client.get("/agents/sessions/status").json()["sessions"]
        (lock,) = [one["lock"] for one in sessions if one["agentId"] == "steered"]
        return bool(lock and lock["lastEvent"] == "message.delta")

    wait_until(has_begun)
    more = ["--busy", "steer", "steered", "hurry up"]
    second = threading.Thread(target=lambda: told.append(call(live, "exec", *more)))
    second.start()
    wait_until(lambda: bool(live.queued("steered")))
    go.touch()
    for thread in (first, second):
        thread.join(20)
    ((code, out, err),) = told
    assert (code, out) == (0, "")
    assert "answers it" in err


def test_a_list_is_shown_whole(live: Service) -> None:
    live.register("poller")
    with live.client() as client:
        for number in range(51):
            client.post("/agents/poller/send", json={"content": str(number)}).raise_for_status()
    waiting = json.loads(call(live, "tickets", "pending", "poller", "--json")[1])
    assert [int(ticket["content"]) for ticket in waiting] == list(range(51))

    live.register("often")
    ids = []
    for _ in range(3):
        ids.append(live.run("x", "often").json()["conversationId"])
        live.begin_anew("often")
    with Client(live.url, live.token) as service:
        found = service.pages("/agents/often/conversations", "conversations", "before", limit=2)
        assert [one["conversationId"] for one in found] == ids[::-1]


def test_a_wrong_token_is_told(live: Service) -> None:
    done = command("agents", "list", "--url", live.url, "--token", "wrong")
    assert done.returncode == ExitCode.FAILED
    assert b"[unauthorized]" in done.stderr


@pytest.mark.parametrize(
    "argv",
    [
        ("agents", "list"),
        ("agents", "show", "x"),
        ("agents", "remove", "x"),
        ("agents", "add", "x", "--type", "custom"),
        ("conversations", "list", "x"),
        ("conversations", "show", "x"),
        ("exec", "x", "y"),
    ],
)
def test_no_service_says_how_to_start_one(argv: tuple[str, ...]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        done = CliRunner().invoke(application(argv[:1]), [*argv, "--url", url])
    assert (done.exit_code, done.stdout) == (ExitCode.UNREACHABLE, "")
    assert "[service_unreachable]" in done.stderr
    assert "agent-runner serve" in done.stderr


def commands() -> list[tuple[str, ...]]:
    root = get_command(application())
    found: list[tuple[str, ...]] = [()]
    for name, sub in root.commands.items():  # type: ignore[attr-defined]
        found.append((name,))
        found += [(name, inner) for inner in getattr(sub, "commands", {})]
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_help_teaches(words: tuple[str, ...]) -> None:
    app = application(words[:1]) if words else application()
    found: Any = get_command(app)
    for word in words:
        found = found.commands[word]
    done = CliRunner().invoke(app, [*words, "--help"], prog_name="agent-runner")
    assert (done.exit_code, done.stderr) == (0, "")
    text = done.stdout
    assert text.startswith("Usage: ")
    assert (found.help or "").split("\n")[0][:40] in " ".join(text.split())
    options = [p for p in found.params if isinstance(p, typer.core.TyperOption)]
    for option in options:
        assert option.opts[0] in text
        assert option.help, f"{' '.join(words)} {option.opts[0]} has no help"
    for name in getattr(found, "commands", {}):
        assert name in text


def test_version() -> None:
    from importlib.metadata import version

    assert command("--version").stdout.decode().strip() == version("agent-runner")


def test_sessions_and_circuits(live: Service) -> None:
    live.register("watched")
    code, out, _ = call(live, "sessions")
    assert code == 0
    rows = [line.split() for line in out.splitlines()]
    assert rows[0][:3] == ["AGENT", "TYPE", "STATE"]
    assert ["watched", "claude-code", "idle"] in [row[:3] for row in rows]
    live.run("hello", "watched")
    code, out, _ = call(live, "sessions", "--json")
    (session,) = [s for s in json.loads(out) if s["agentId"] == "watched"]
    assert (session["state"], session["lock"]) == ("warm", None)
    assert session["warm"][0]["closesFor"] == "idle_closed"

    for _ in range(3):
        live.run([{"die": 1}], "watched")
    code, out, _ = call(live, "circuits", "list")
    assert code == 0
    assert ["agent", "watched", "open", "3", "cli_error"] in [
        line.split()[:5] for line in out.splitlines()
    ]
    code, out, _ = call(live, "circuits", "reset", "watched", "--json")
    assert {circuit["state"] for circuit in json.loads(out)} == {"closed"}
    assert call(live, "circuits", "reset", "nobody")[0] == ExitCode.FAILED


def test_what_is_no_text_is_refused(service: Service) -> None:
    env = {"AGENT_RUNNER_URL": service.url, "AGENT_RUNNER_TOKEN": service.token}
    done = command("exec", "demo", "-", env=env, given=b"a\xffb")
    assert (done.returncode, b"[not_utf8]" in done.stderr) == (ExitCode.FAILED, True)
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    "proxy", ["socks5://127.0.0.1:1", "http://127.0.0.1:1", "nonsense://x"], ids=str
)
def test_no_proxy_is_asked_for_this_machine(service: Service, proxy: str) -> None:
    names = ("ALL_PROXY", "HTTP_PROXY", "http_proxy", "all_proxy")
    env = {**dict.fromkeys(names, proxy), "AGENT_RUNNER_TOKEN": service.token}
    done = command("agents", "list", "--url", service.url, env=env)
    assert (done.returncode, done.stderr) == (ExitCode.OK, b"")


def test_the_service_of_a_state_folder_is_found_by_it(service: Service) -> None:
    folder = ("--state-dir", str(service.state_dir))
    assert command("agents", "list", *folder).returncode == ExitCode.OK


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (("agents", "list", "--token", "\u00e4"), "invalid_token"),
        (("agents", "list", "--token", "a\nb"), "invalid_token"),
        (("agents", "list", "--url", "http://[::1"), "invalid_url"),
        (("tui",), "needs_terminal"),
        (("shadow", "report", "-o", "/nonexistent/x"), "cannot_write"),
        (("fallback", "cli", "disable", "gemini", "--for", "\u00b2d"), "invalid_duration"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_what_is_wrong_is_told_in_short(live: Service, argv: tuple[str, ...], code: str) -> None:
    found, _, err = call(live, *argv)
    assert (found, f"[{code}]" in err) == (ExitCode.FAILED, True)


@pytest.mark.parametrize(
    "argv",
    [
        ("exec", "worker", "hi", "--timeout", "inf"),
        ("exec", "worker", "hi", "--timeout=-5"),
        ("approvals", "extend", "appr_x", "--minutes", "nan"),
        ("agents", "add", "x", "--type", "custom", "-o", 'env={"A":NaN}'),
        ("shadow", "report", "--days", "999999999"),
    ],
    ids=lambda argv: " ".join(argv[:2]),
)
def test_numbers_that_are_none_are_usage_errors(live: Service, argv: tuple[str, ...]) -> None:
    assert call(live, *argv)[0] == ExitCode.USAGE


def test_a_user_without_a_name_has_a_number(live: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 54321")

    monkeypatch.setattr("getpass.getuser", nobody)
    code, out, _ = call(live, "tickets", "send", "worker", "hello", "--json")
    assert code == ExitCode.OK
    assert json.loads(out)["sender"] == f"uid {os.getuid()}"


@pytest.mark.parametrize("answer", [b"<html>", b"[]"])
def test_another_server_is_no_agent_runner(answer: bytes) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        done = command("agents", "list", "--url", f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert done.returncode == ExitCode.UNREACHABLE
    assert b"is no agent-runner" in done.stderr


def test_what_cannot_be_printed_is_told_in_short(service: Service) -> None:
    env = {"AGENT_RUNNER_URL": service.url, "AGENT_RUNNER_TOKEN": service.token}
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "agent_runner.cli.main", "agents", "list"],
            env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **env},
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert done.returncode != ExitCode.OK
    assert b"Traceback" not in done.stderr
    old = {**env, "PYTHONIOENCODING": "latin-1"}
    done = command("exec", "demo", "\u20ac", env=old)
    assert (done.returncode, b"Traceback" in done.stderr) == (ExitCode.OK, False)


def said_last(service: Service, agent: str) -> str:
    with service.client() as client:
        page = client.get(f"/agents/{agent}/conversation").json()
    return str(page["turns"][-1]["content"])


def test_what_goes_on_after_an_answer_is_shown(live: Service, tmp_path: Path) -> None:
    live.register("behind")
    gate = tmp_path / "gate"
    helper = {"background": [{"wait": str(gate)}], "title": "the survey", "told": "All green."}
    live.run([helper, {"text": "Begun."}], "behind")
    code, out, _ = call(live, "sessions")
    assert code == 0
    (row,) = [line for line in out.splitlines() if line.startswith("behind")]
    assert "the survey" in row
    gate.touch()
    # A prompt that comes while the CLI tells of it would be waiting for that, too.
    wait_until(lambda: "the survey" not in call(live, "sessions")[1])
    wait_until(lambda: said_last(live, "behind") == "All green.")
    script: Script = [{"background": [], "told": "Green."}, {"text": "Begun."}]
    argv = ["exec", "behind", "--until", "settled", json.dumps(script)]
    code, out, err = call(live, *argv)
    assert (code, out) == (ExitCode.OK, "Begun.\nGreen.\n")
    assert "it goes on by itself" in err
