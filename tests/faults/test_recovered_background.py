"""A service killed while a CLI does something by itself: each run has its own, and all of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from tests.conftest import Script, Service
from tests.faults.test_recovered import PIECES, Watched, texts
from tests.helpers.frames import blocks, data_of, replayed
from tests.helpers.trial import wait_until

Line = dict[str, Any]
OWN = {"origin": {"kind": "task-notification"}}
ASYNC = {"isAsync": True, "status": "async_launched"}


def line(**fields: Any) -> dict[str, Any]:
    return {"line": json.dumps({"session_id": "s-1", **fields})}


def streamed(inner: Line, parent: str | None = None) -> dict[str, Any]:
    return line(type="stream_event", event=inner, parent_tool_use_id=parent)


def said(text: str, parent: str | None = None) -> dict[str, Any]:
    content = [{"type": "text", "text": text}]
    message = {"id": f"m-{text}", "model": "m", "content": content}
    return line(type="assistant", message=message, parent_tool_use_id=parent)


def pieces(parent: str | None = None) -> Script:
    """A text that stops in its middle."""
    block = {"type": "text", "text": ""}
    return [
        streamed(
            {"type": "message_start", "message": {"id": "m-cut", "role": "assistant"}}, parent
        ),
        streamed({"type": "content_block_start", "index": 0, "content_block": block}, parent),
        *(
            streamed(
                {
                    "type": "content_block_delta",
                    "index": 0,
                    "delta": {"type": "text_delta", "text": piece},
                },
                parent,
            )
            for piece in PIECES
        ),
    ]


def result(text: str, **fields: Any) -> dict[str, Any]:
    return line(type="result", subtype="success", result=text, num_turns=1, **fields)


def call(own: str, name: str, parent: str | None = None) -> dict[str, Any]:
    content = [{"type": "tool_use", "id": own, "name": name, "input": {}}]
    message = {"id": f"m-{own}", "model": "m", "content": content}
    return line(type="assistant", message=message, parent_tool_use_id=parent)


def answered(own: str, parent: str | None = None, **fields: Any) -> dict[str, Any]:
    content = [{"type": "tool_result", "tool_use_id": own, "content": "ok"}]
    return line(type="user", message={"content": content}, parent_tool_use_id=parent, **fields)


def task(subtype: str, **fields: Any) -> dict[str, Any]:
    return line(type="system", subtype=subtype, task_id="t1", tool_use_id="helper", **fields)


INIT = line(type="system", subtype="init")
BEGUN = [
    call("helper", "Agent"),
    task("task_started", description="look", is_backgrounded=True),
    answered("helper", tool_use_result=ASYNC),
]
OVER = task("task_notification", status="completed")
HANG = {"hang": True}


def runs(service: Service) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """The runs of the worker's conversation, oldest first, each with its events."""
    found = []
    with service.client() as client:
        conversation = client.get("/agents/worker/conversation").json()["conversation"]
        replay = replayed(client, conversation["conversationId"], conversation["lastEventSeq"])
        told = [data_of(block) for block in replay]
        for run_id in dict.fromkeys(event.get("runId") for event in told):
            if run_id is not None:
                own = [event for event in told if event.get("runId") == run_id]
                found.append((client.get(f"/runs/{run_id}").json(), own))
    return found


def killed(service: Service, script: Script, gate: Path | None = None) -> None:
    """Run the script, which streams, and let it through the gate; the service is killed then."""
    watched = Watched(service, script, until="settled")
    if gate is not None:
        wait_until(lambda: any(event["type"] == "run.started" for event in watched.events))
        gate.touch()
    wait_until(lambda: watched.seen().endswith("".join(PIECES)))
    service.process.kill()
    watched.over()
    service.restart()


def test_what_it_streams_by_itself_is_kept(make_service: Callable[..., Service]) -> None:
    service = make_service()
    service.register()
    script = [*BEGUN, {"result": "Started."}, OVER, INIT, said("Look:"), *pieces(), HANG]
    killed(service, script)
    (first, _), (run, events) = runs(service)
    assert (first["status"], first["content"]) == ("succeeded", "Started.")
    assert (run["status"], run["trigger"]) == ("interrupted", "background")
    assert texts(events) == ["Look:", "".join(PIECES)]
    assert run["content"] == "".join(PIECES)
    assert run["durationMs"] > 0


def test_what_a_helper_streams_is_kept(make_service: Callable[..., Service]) -> None:
    service = make_service()
    service.register()
    inner = [call("in", "Bash", "helper"), *pieces("helper"), HANG]
    killed(service, [*BEGUN, {"result": "Started."}, *inner])
    _, (run, events) = runs(service)
    assert (run["status"], run["content"]) == ("interrupted", None)
    assert texts(events) == ["".join(PIECES)]
    tools = [(e["type"], e["toolCallId"]) for e in events if e["type"].startswith("tool.")]
    assert tools == [("tool.started", "in"), ("tool.completed", "in")]


def test_an_own_turn_before_a_prompts_is_no_end_of_it(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    """Nor has the prompt's run what helpers of an earlier turn did."""
    service, gate = make_service(), tmp_path / "gate"
    service.register()
    inner = [call("in", "Bash", "helper"), answered("in", "helper"), said("Hm.", "helper")]
    own = [OVER, INIT, said("It is green."), result("It is green.", **OWN)]
    first = [*BEGUN, {"result": "Started."}, {"wait": str(gate)}, *inner, *own]
    assert service.run(first).json()["content"] == "Started."
    killed(service, [said("Second."), *pieces(), HANG], gate)
    _, (second, events), (behind, behind_events) = runs(service)
    assert (behind["status"], behind["content"]) == ("succeeded", "It is green.")
    assert texts(behind_events) == ["Hm.", "It is green."]
    assert (second["status"], second["content"]) == ("interrupted", "".join(PIECES))
    assert texts(events) == ["Second.", "".join(PIECES)]
    assert not [event for event in events if event["type"].startswith("tool.")]


def test_what_it_streams_by_itself_while_a_prompt_waits_is_kept(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    service, gate = make_service(), tmp_path / "gate"
    service.register()
    inner = [call("in", "Bash", "helper"), answered("in", "helper"), said("Hm.", "helper")]
    own = [OVER, INIT, said("Look:"), *pieces(), HANG]
    first = [*BEGUN, {"result": "Started."}, {"wait": str(gate)}, *inner, *own]
    assert service.run(first).json()["content"] == "Started."
    watched = Watched(service, [{"text": "Second."}])
    wait_until(lambda: any(event["type"] == "run.started" for event in watched.events))
    gate.touch()
    with service.client() as client:
        conversation = client.get("/agents/worker/conversation").json()["conversation"]
        path = f"/conversations/{conversation['conversationId']}/events?after=0"
        seen = ""
        with client.stream("GET", path) as response:
            for block in blocks(response):
                event = {} if block.startswith(b":") else data_of(block)
                kinds = ("message.delta", "item.snapshot")
                seen += event["text"] if event.get("type") in kinds else ""
                if seen.endswith("".join(PIECES)):
                    break
    service.process.kill()
    watched.over()
    service.restart()
    _, (second, events), (run, behind_events) = runs(service)
    assert (second["status"], second["content"]) == ("interrupted", None)
    assert texts(events) == []
    assert (run["status"], run["content"]) == ("interrupted", "".join(PIECES))
    assert texts(behind_events) == ["Hm.", "Look:", "".join(PIECES)]


def test_what_came_of_its_work_was_printed_before_the_end(
    make_service: Callable[..., Service],
) -> None:
    """A second helper streams on: the run that was told of is over, and not that of the other."""
    service = make_service()
    service.register()
    other = [
        call("other", "Agent"),
        line(
            type="system",
            subtype="task_started",
            task_id="t2",
            tool_use_id="other",
            is_backgrounded=True,
        ),
        answered("other", tool_use_result=ASYNC),
    ]
    own = [OVER, INIT, said("It is green."), result("It is green.", **OWN)]
    script = [
        *BEGUN,
        *other,
        {"result": "Started."},
        *own,
        call("in", "Bash", "other"),
        *pieces("other"),
        HANG,
    ]
    killed(service, script)
    _, (told, told_events), (run, events) = runs(service)
    assert (told["status"], told["content"]) == ("succeeded", "It is green.")
    assert texts(told_events) == ["It is green."]
    assert (run["status"], run["content"]) == ("interrupted", None)
    assert texts(events) == ["".join(PIECES)]


def test_a_cli_that_dies_in_a_turn_of_its_own_leaves_what_it_said(
    make_service: Callable[..., Service],
) -> None:
    service = make_service()
    service.register()
    inner = [call("in", "Bash", "helper"), OVER, INIT, *pieces(), HANG]
    watched = Watched(service, [*BEGUN, {"result": "Started."}, *inner], until="settled")
    wait_until(lambda: watched.seen().endswith("".join(PIECES)))
    with service.client() as client:
        (process,) = client.get("/agents/processes/status").json()["processes"]
    psutil.Process(process["pid"]).kill()
    watched.over()
    _, (run, events) = runs(service)
    assert run["status"] == "failed"
    assert texts(events) == ["".join(PIECES)]
    assert run["content"] == "".join(PIECES)
    tools = [(e["type"], e["toolCallId"]) for e in events if e["type"].startswith("tool.")]
    assert tools == [("tool.started", "in"), ("tool.completed", "in")]
