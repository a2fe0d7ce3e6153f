"""agent-runner exec: a prompt from the terminal, its answer to the terminal."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from httpx_sse import ServerSentEvent

from agent_runner.cli.options import Json, StateDir, Token, Url, client, milliseconds
from agent_runner.cli.terminal import ExitCode, err, fail, quoted, show_json_text
from agent_runner.client.http import Client, ServiceProblemError
from agent_runner.errors import AgentRunnerError
from agent_runner.plain_text import clean
from agent_runner.quoting import path
from agent_runner.tui.words import lost_text

_EXIT = {
    "succeeded": ExitCode.OK,
    "failed": ExitCode.FAILED,
    "cancelled": ExitCode.CANCELLED,
    "timed_out": ExitCode.TIMED_OUT,
    "interrupted": ExitCode.INTERRUPTED,
}
_TOOL_TEXT = 200


def execute(
    agent: Annotated[str, typer.Argument(help="Name of a registered agent, e.g. demo.")],
    prompt: Annotated[str, typer.Argument(help="What to ask; - reads it from stdin.")],
    conversation: Annotated[
        str | None, typer.Option(help="Continue this conversation [the agent's open one].")
    ] = None,
    mode: Annotated[
        str | None, typer.Option(help="headless, tmux or shadow for this run [as routed].")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Model for this prompt alone.")] = None,
    permission_mode: Annotated[
        str | None, typer.Option(help="The CLI's permission mode for this prompt alone.")
    ] = None,
    file: Annotated[
        list[Path] | None,
        typer.Option(help="A file that goes with the prompt, such as an image; may come again."),
    ] = None,
    busy: Annotated[
        str | None,
        typer.Option(help="While another runs: queue, reject, or steer it [as the agent has it]."),
    ] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds the run may take.")] = None,
    until: Annotated[
        str,
        typer.Option(help="answer, or settled: stay until work in the background is over, too."),
    ] = "answer",
    as_json: Json = False,
    url: Url = None,
    token: Token = None,
    state_dir: StateDir = None,
) -> None:
    """Run PROMPT on AGENT and stream the answer.

    The answer goes to stdout; tools, notices and the end go to stderr. With --json every
    event is one line on stdout. Exit code: 0 succeeded, 1 failed, 3 cancelled, 4 timed
    out, 5 interrupted, 6 no service. Put -- before a prompt that begins with a dash. Ctrl-C
    cancels the run; a second one leaves it to the service. In a CLI's terminal UI (--mode
    tmux) a prompt that the UI takes as its own, such as `exit` or `/help`, is refused.
    """
    body: dict[str, Any] = {"prompt": sys.stdin.read() if prompt == "-" else prompt}
    if conversation is not None:
        body["conversationId"] = conversation
    given = {"mode": mode, "model": model, "permissionMode": permission_mode, "busy": busy}
    body |= {name: value for name, value in given.items() if value is not None}
    if timeout is not None:
        body["timeoutMs"] = milliseconds(timeout, 1000)
    if until != "answer":
        body["until"] = until
    run = _Run(agent, as_json=as_json)
    try:
        with client(url, token, state_dir) as service:
            if file:
                body["attachments"] = [service.upload(one) for one in file]
            run.follow(service, body)
    except AgentRunnerError as error:
        fail(error, as_json=as_json)
    if run.state is None:
        err.print("error: the stream ended before the run did; it goes on in the service")
        raise typer.Exit(ExitCode.INTERRUPTED)
    raise typer.Exit(_EXIT.get(run.state, ExitCode.FAILED))


class _Run:
    """The run of the prompt: shown until it is over, and cancelled by Ctrl-C."""

    def __init__(self, agent: str, *, as_json: bool) -> None:
        self._agent = agent
        self._as_json = as_json
        self._printer = _Printer()
        self._run_id = ""
        self._seen = 0
        self.state: str | None = None

    def follow(self, service: Client, body: dict[str, Any]) -> None:
        """Send the prompt and show what comes; KeyboardInterrupt if nothing has come yet."""
        try:
            self._show(service.stream(self._agent, body))
        except KeyboardInterrupt:
            if not self._run_id:
                raise
            # As an exception it could be lost in what is cleaned up after the first one.
            signal.signal(signal.SIGINT, _leave)
            err.print("\ncancelling the run; Ctrl-C again leaves it to the service")
            self._cancel(service)
            self._show(service.events(path("runs", self._run_id, "events"), after=self._seen))

    def _cancel(self, service: Client) -> None:
        where = path("agents", self._agent, "execute", "cancel")
        try:
            service.send("POST", where, {"runId": self._run_id})
        except ServiceProblemError as error:
            if error.code != "run_is_over":
                raise

    def _show(self, messages: Iterable[ServerSentEvent]) -> None:
        for message in messages:
            event = json.loads(message.data)
            # What is on its way to the terminal when Ctrl-C comes is cut, not shown twice.
            self._run_id = event["runId"] or self._run_id
            self._seen = event.get("seq", self._seen)
            if self._as_json:
                show_json_text(message.data)
            else:
                self._printer.show(event)
            if event["type"] == "run.finished":
                # What comes after it is of work that it has left behind.
                self.state = self.state or event["state"]


def _leave(*_: object) -> None:
    os.write(2, b"\nthe run goes on in the service\n")
    os._exit(ExitCode.INTERRUPTED)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


class _Printer:
    """Prints events as they come. Text that was streamed is not printed again when complete."""

    def __init__(self) -> None:
        self._streamed: set[str] = set()
        self._mid_line = False

    def show(self, event: dict[str, Any]) -> None:
        """Print one event."""
        match event["type"]:
            case "run.started" if event.get("trigger") == "background":
                self._note("it goes on by itself:")
            case "background.lost":
                self._note(f"lost: {lost_text(event)}")
            case "message.delta":
                self._streamed.add(event["itemId"])
                self._text(event["text"])
            case "message.completed":
                if event["itemId"] not in self._streamed:
                    self._text(event["text"])
                self._end_line()
            case "tool.started":
                given = json.dumps(event["input"], ensure_ascii=False)
                self._note(f"[{event['name']}] {given}")
            case "tool.completed" if event["status"] != "completed":
                self._note(f"[{event['status']}] {event.get('error') or ''}")
            case "notice" if event.get("level") in ("warning", "error"):
                self._note(f"{event['level']}: {event.get('message') or event['code']}")
            case "notice" if event["code"] == "not_steered":
                self._note(event["message"])
            case "prompt.steered":
                self._note(f"the run {event['intoRunId']} answers it")
            case "settings.applied":
                model, mode = (event[name] or "default" for name in ("model", "permissionMode"))
                self._note(f"model: {model}, permission mode: {mode}")
            case "retry":
                self._note(f"retry {event['attempt']}: {event['code']}")
            case "approval.requested":
                approval = event["approval"]
                self._note(f"waits for approval: {approval['question']}")
                self._note(f"  agent-runner approvals show {approval['approvalId']}")
            case "permission.resolved":
                self._note(f"permission: {event['decision']} by {event['decidedBy']}")
            case "route.decided" if event["source"] not in ("comm_mode", "request"):
                self._note(f"{event['mode']}: {event['reason']}")
            case "run.finished" if not event["success"]:
                self._note(f"{event['state']}: {event.get('error')} [{event.get('code')}]")
                if event.get("hint"):
                    self._note(f"hint: {event['hint']}")
                if event.get("resetsAt"):
                    self._note(f"resets at: {event['resetsAt']}")

    def _text(self, text: str) -> None:
        text = clean(text)
        self._mid_line = not text.endswith("\n")
        _write(text)

    def _end_line(self) -> None:
        if self._mid_line:
            self._mid_line = False
            _write("\n")

    def _note(self, text: str) -> None:
        self._end_line()
        err.print(quoted(text if len(text) <= _TOOL_TEXT else f"{text[:_TOOL_TEXT]}…"))
