"""What a chat asks of its engine: names, titles, search, files, queues, settings of one prompt."""

from __future__ import annotations

import json
import signal
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import Script, Service

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8


def ask(service: Service, method: str, path: str, body: Any = None, **more: Any) -> Any:
    """The JSON of an answer that is well."""
    with service.client() as client:
        answer = client.request(method, path, json=body, **more)
    assert answer.status_code < 300, answer.text
    return answer.json() if answer.content else None


def refused(service: Service, method: str, path: str, body: Any = None, **more: Any) -> str:
    with service.client() as client:
        answer = client.request(method, path, json=body, **more)
    assert answer.status_code >= 400, answer.text
    return str(answer.json()["code"])


def execute(service: Service, script: Script | str, name: str = "worker", **more: Any) -> Any:
    prompt = script if isinstance(script, str) else json.dumps(script)
    return ask(service, "POST", f"/agents/{name}/execute", {"prompt": prompt, **more})


def upload(service: Service, data: bytes, media_type: str = "image/png") -> Any:
    with service.client(**{"Content-Type": media_type}) as client:
        answer = client.post("/attachments", content=data)
    assert answer.status_code == 201, answer.text
    return answer.json()


def wait_until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 20
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.005)
    return found


class Held:
    """A run of an agent that goes on when its file is there."""

    def __init__(self, service: Service, path: Path, *more: dict[str, Any], **given: Any) -> None:
        self.path = path
        self.answer: Any = None
        script = [{"streamed": ["begun"], "then_wait": str(path)}, *more]

        def run() -> None:
            self.answer = execute(service, script, **given)

        self._thread = threading.Thread(target=run)
        self._thread.start()
        wait_until(
            lambda: (
                ask(service, "GET", "/agents/worker")["state"] == "running"
                and any(
                    session["lock"] and session["lock"]["lastEvent"] == "message.delta"
                    for session in ask(service, "GET", "/agents/sessions/status")["sessions"]
                )
            )
        )

    def finish(self) -> Any:
        self.path.touch()
        self._thread.join(20)
        return self.answer


@pytest.fixture
def held(empty: Service, tmp_path: Path) -> Callable[..., Held]:
    return lambda *more, **given: Held(empty, tmp_path / "go on", *more, **given)


# --- agents ---------------------------------------------------------------------------------


def test_agents_are_listed_by_what_they_are_and_do(
    empty: Service, held: Callable[..., Held]
) -> None:
    ask(
        empty,
        "PATCH",
        "/agents/worker",
        {"name": "Worker", "description": "x", "metadata": {"a": 1}},
    )
    empty.register("other", type="gemini")
    run = held()
    names = {
        query: {one["agentId"] for one in ask(empty, "GET", f"/agents?{query}")["agents"]}
        for query in ("type=gemini", "state=running", "commMode=tmux", "state=idle&type=gemini")
    }
    assert names["type=gemini"] == names["state=idle&type=gemini"] == {"other"}
    assert (names["state=running"], names["commMode=tmux"]) == ({"worker"}, set())
    agent = ask(empty, "GET", "/agents/worker")
    assert (agent["name"], agent["metadata"]) == ("Worker", {"a": 1})
    assert agent["lastActivityAt"]
    run.finish()
    agent = ask(empty, "GET", "/agents/worker")
    assert agent["state"] == "idle"
    assert [one["form"] for one in agent["warm"]] == ["warm"]
    ask(empty, "PATCH", "/agents/worker", {"name": None, "metadata": None})
    agent = ask(empty, "GET", "/agents/worker")
    assert (agent["name"], agent["description"], agent["metadata"]) == (None, "x", {})
    assert refused(empty, "GET", "/agents?state=dreaming") == "invalid_parameter"


@pytest.mark.parametrize("type_", ["claude-code", "gemini", "factory-droid"])
def test_a_process_is_ready_before_the_first_prompt(empty: Service, type_: str) -> None:
    empty.register("early", type=type_)
    started = ask(empty, "POST", "/agents/early/start", {})
    assert started["reused"] is False
    assert ask(empty, "POST", "/agents/early/start", {}) == {**started, "reused": True}
    run = execute(empty, "hello", "early")
    assert (run["content"], run["conversationId"]) == ("echo: hello", started["conversationId"])
    warm = ask(empty, "GET", "/agents/early")["warm"]
    assert [one["pid"] for one in warm] == [started["pid"]]
    again = ask(empty, "POST", "/agents/early/restart", {})
    assert again["pid"] != started["pid"]
    assert ask(empty, "POST", "/agents/early/stop", {}) == {
        "conversationIds": [started["conversationId"]]
    }
    assert ask(empty, "GET", "/agents/early")["warm"] == []
    assert execute(empty, "on", "early")["sessionId"] == run["sessionId"]


def test_what_cannot_be_ready_says_why(empty: Service, held: Callable[..., Held]) -> None:
    empty.register("once", type="custom", command=["/bin/cat"])
    assert refused(empty, "POST", "/agents/once/start", {}) == "not_kept"
    assert refused(empty, "POST", "/agents/nobody/start", {}) == "agent_not_found"
    run = held()
    assert refused(empty, "POST", "/agents/worker/stop", {}) == "agent_busy"
    assert ask(empty, "POST", "/agents/worker/start", {})["reused"] is True
    run.finish()


# --- conversations --------------------------------------------------------------------------


def test_several_conversations_are_open_and_one_runs_at_a_time(empty: Service) -> None:
    first = execute(empty, "the first line\nand more")["conversationId"]
    second = ask(empty, "POST", "/agents/worker/conversations", {"title": "Second"})
    other = second["conversationId"]
    assert execute(empty, "x")["conversationId"] == other, "the newest by default"
    assert execute(empty, "y", conversationId=first)["conversationId"] == first
    listed = ask(empty, "GET", "/agents/worker/conversations")["conversations"]
    assert [(one["title"], one["runCount"]) for one in listed] == [
        ("Second", 1),
        ("the first line", 2),
    ]
    assert listed[1]["lastTurn"]["beginning"] == "echo: y"
    ask(empty, "PATCH", f"/conversations/{first}", {"title": "Mine", "archived": True})
    assert [
        one["title"] for one in ask(empty, "GET", "/conversations?archived=true")["conversations"]
    ] == ["Mine"]
    assert refused(empty, "PATCH", f"/conversations/{first}", {"title": "x" * 10_000_000}) in (
        "invalid_body",
        "body_too_large",
    )
    assert refused(empty, "PATCH", f"/conversations/{first}", {"title": ""}) == "invalid_body"
    assert refused(empty, "PATCH", "/conversations/none", {}) == "conversation_not_found"


def test_the_last_turns_come_first_and_the_rest_page_by_page(empty: Service) -> None:
    (conversation,) = {execute(empty, f"prompt {n}")["conversationId"] for n in range(5)}
    where = f"/conversations/{conversation}"
    page = ask(empty, "GET", f"{where}?last=4")
    assert [turn["seq"] for turn in page["turns"]] == [7, 8, 9, 10]
    assert (page["nextBefore"], page["nextAfter"]) == (7, None)
    page = ask(empty, "GET", f"{where}?before=7&limit=6")
    assert [turn["seq"] for turn in page["turns"]] == [1, 2, 3, 4, 5, 6]
    assert (page["nextBefore"], page["nextAfter"]) == (None, 6)
    assert ask(empty, "GET", "/agents/worker/conversation?last=1")["turns"][0]["seq"] == 10
    assert refused(empty, "GET", f"{where}?before=3&after=1") == "invalid_parameter"


def test_what_was_said_is_found_exported_and_shown_where(empty: Service) -> None:
    run = execute(empty, "where is the needle 针?")
    where = run["conversationId"]
    hits = ask(empty, "GET", "/search", params={"q": "needle"})["hits"]
    assert [hit["role"] for hit in hits] == ["assistant", "user"]
    assert {hit["conversationId"] for hit in hits} == {where}
    assert [part["text"] for part in hits[0]["snippet"] if part["hit"]] == ["needle"]
    for query, found in (
        ("需", 0),
        ("针", 2),
        ("need", 2),
        ('"the needle"', 2),
        ("needle -where", 0),
        ("needle OR nothing", 0),
    ):
        assert len(ask(empty, "GET", "/search", params={"q": query})["hits"]) == found, query
    page = ask(empty, "GET", "/search", params={"q": "needle", "limit": 1})
    rest = {"q": "needle", "before": page["nextBefore"]}
    assert [hit["role"] for hit in ask(empty, "GET", "/search", params=rest)["hits"]] == ["user"]
    for query in ('"open', "", "-only", "!!!", "x" * 501):
        assert refused(empty, "GET", "/search", params={"q": query}) == "invalid_search"
    bad_time = {"q": "x", "since": "yesterday"}
    assert refused(empty, "GET", "/search", params=bad_time) == "invalid_parameter"
    with empty.client() as client:
        text = client.get(f"/conversations/{where}/export")
        data = client.get(f"/conversations/{where}/export?format=json")
    assert text.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
    assert "## User" in text.text
    assert "where is the needle 针?" in text.text
    assert [turn["role"] for turn in data.json()["turns"]] == ["user", "assistant"]
    assert refused(empty, "GET", f"/conversations/{where}/export?format=pdf") == "invalid_parameter"


def test_usage_is_summed_by_a_key_and_told_as_unknown(empty: Service) -> None:
    for _ in range(2):
        execute(empty, "x")
    empty.register("silent", type="custom", command=["/bin/cat"])
    execute(empty, "x", "silent")
    answer = ask(empty, "GET", "/usage")
    sums = {one["key"]: one for one in answer["sums"]}
    assert (sums["worker"]["inputTokens"], sums["worker"]["costUsd"]) == (6, 0.002)
    assert (sums["silent"]["runs"], sums["silent"]["inputTokens"]) == (1, None)
    assert answer["total"]["runs"] == 3
    assert (answer["total"]["told"], answer["total"]["costUsd"]) == (2, 0.002)
    for by in ("conversation", "model", "day"):
        assert ask(empty, "GET", f"/usage?by={by}")["by"] == by
    assert ask(empty, "GET", "/usage?since=2999-01-01")["total"]["runs"] == 0
    assert refused(empty, "GET", "/usage?by=colour") == "invalid_parameter"


def test_a_conversation_is_gone_on_from_an_answer_in_another(empty: Service) -> None:
    first = execute(empty, "one")
    execute(empty, "two")
    source = first["conversationId"]
    copy = ask(empty, "POST", f"/conversations/{source}/fork", {"title": "Branch"})
    assert (copy["title"], copy["forkedFrom"], copy["lastTurnSeq"]) == ("Branch", source, 4)
    run = execute(empty, "three", conversationId=copy["conversationId"])
    assert run["sessionId"] != first["sessionId"]
    turns = ask(empty, "GET", f"/conversations/{copy['conversationId']}")["turns"]
    assert [turn["content"] for turn in turns][-2:] == ["three", "echo: three"]
    assert len(turns) == 6
    assert (
        refused(empty, "POST", f"/conversations/{source}/fork", {"turnId": "no"})
        == "turn_not_found"
    )
    prompt = first["turnId"] and turns[0]["metadata"]["turnId"]
    code = refused(empty, "POST", f"/conversations/{source}/fork", {"turnId": prompt})
    assert code == "fork_point_unknown"
    empty.register("other", type="gemini")
    other = execute(empty, "x", "other")["conversationId"]
    assert refused(empty, "POST", f"/conversations/{other}/fork", {}) == "fork_unsupported"
    blank = ask(empty, "POST", "/agents/worker/conversations", {})["conversationId"]
    assert refused(empty, "POST", f"/conversations/{blank}/fork", {}) == "nothing_to_fork"


# --- files ----------------------------------------------------------------------------------


def test_an_image_reaches_the_cli_as_one_and_is_shown_with_its_turn(empty: Service) -> None:
    kept = upload(empty, PNG)
    assert upload(empty, PNG)["attachmentId"] == kept["attachmentId"], "by its content"
    inline = {"name": "two.png", "mediaType": "image/png", "data": b64encode(PNG + b"2").decode()}
    files = [{"attachmentId": kept["attachmentId"], "name": "shot.png"}, inline]
    run = execute(empty, [{"images": True}], attachments=files)
    assert run["content"] == f"{sha256(PNG).hexdigest()} {sha256(PNG + b'2').hexdigest()}"
    turn, _ = ask(empty, "GET", f"/conversations/{run['conversationId']}")["turns"]
    assert [one["name"] for one in turn["attachments"]] == ["shot.png", "two.png"]
    with empty.client() as client:
        content = client.get(f"/attachments/{kept['attachmentId']}/content")
    assert content.content == PNG
    assert content.headers["content-type"] == "image/png"
    assert content.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in content.headers["content-security-policy"]


def test_what_is_no_image_is_told_by_its_path_and_never_shown(empty: Service) -> None:
    page = upload(empty, b"<script>alert(1)</script>", "text/html")
    assert page["mediaType"] == "text/plain"
    name = "../../etc/<b>evil name.html"
    files = [{"attachmentId": page["attachmentId"], "name": name}]
    run = execute(empty, "read it", attachments=files)
    told = run["content"]
    assert told.startswith("echo: read it\n\nAttached files:\n- ")
    path = Path(told.splitlines()[-1].removeprefix("- ").partition(" (text/plain")[0])
    assert path.read_bytes() == b"<script>alert(1)</script>"
    assert path.name.endswith("_b_evil name.html")
    assert path.parent == empty.state_dir / "attachments" / "conversations" / run["conversationId"]
    with empty.client() as client:
        content = client.get(f"/attachments/{page['attachmentId']}/content")
    assert content.headers["content-type"] == "application/octet-stream"
    assert content.headers["content-disposition"].startswith("attachment")


def test_the_cli_may_read_its_files_unasked_and_nothing_beside_them(empty: Service) -> None:
    conversation = ask(empty, "POST", "/agents/worker/conversations", {})["conversationId"]
    kept = upload(empty, b"some words", "text/plain")["attachmentId"]
    folder = empty.state_dir / "attachments" / "conversations" / conversation
    own, link = folder / f"{kept[4:12]}-a.txt", folder / "link"
    files = [{"attachmentId": kept, "name": "a.txt"}]
    script: Script = [{"ask": "Read", "input": {"file_path": str(own)}}, {"text": "read"}]
    execute(empty, "x", attachments=files, conversationId=conversation)
    run = execute(empty, script)
    assert run["content"] == "read"
    (resolved,) = events_of(empty, run["runId"], "permission.resolved")
    assert (resolved["decidedBy"], resolved["rule"]) == ("policy", "attachments")
    link.symlink_to(empty.state_dir / "token")
    run = execute(empty, [{"ask": "Read", "input": {"file_path": str(link)}}])
    (resolved,) = events_of(empty, run["runId"], "permission.resolved")
    assert (resolved["decision"], resolved["decidedBy"]) == ("deny", "policy")
    for tool, path in (("Write", own), ("Read", folder / ".." / "other")):
        waits = queued(empty, json.dumps([{"ask": tool, "input": {"file_path": str(path)}}]))
        (question,) = wait_until(
            lambda: ask(empty, "GET", "/approvals", params={"state": "pending"})["approvals"]
        )
        assert question["runId"] == waits
        ask(empty, "POST", "/agents/worker/execute/cancel", {})
        answer_of(empty, waits)


def test_a_file_goes_with_the_last_conversation_that_has_it(empty: Service) -> None:
    kept = upload(empty, PNG)["attachmentId"]
    files = [{"attachmentId": kept}]
    first = execute(empty, "x", attachments=files)["conversationId"]
    ask(empty, "POST", "/agents/worker/end-session", {})
    second = execute(empty, "x", attachments=files)["conversationId"]
    ask(empty, "DELETE", f"/conversations/{first}")
    time.sleep(0.1)
    assert ask(empty, "GET", f"/attachments/{kept}")["size"] == len(PNG)
    ask(empty, "DELETE", f"/conversations/{second}")
    with empty.client() as client:
        wait_until(lambda: client.get(f"/attachments/{kept}").status_code == 404)
    content = empty.state_dir / "attachments" / "content"
    wait_until(lambda: sha256(PNG).hexdigest() not in {path.name for path in content.iterdir()})
    assert not (empty.state_dir / "attachments" / "conversations" / second).exists()


def test_a_bad_file_is_refused_with_its_own_code_and_starts_nothing(empty: Service) -> None:
    def tried(data: bytes, media_type: str) -> tuple[int, str]:
        with empty.client(**{"Content-Type": media_type}) as client:
            answer = client.post("/attachments", content=data)
        return answer.status_code, answer.json()["code"]

    assert tried(b"<html>", "image/png") == (422, "attachment_mismatch")
    assert tried(PNG, "image/jpeg") == (422, "attachment_mismatch")
    assert tried(b"", "image/png") == (422, "attachment_empty")
    assert tried(b"x" * (20 << 20) + b"x", "text/plain") == (413, "body_too_large")
    where = "/agents/worker/execute"
    for attachment, code in (
        ({"attachmentId": "att_none"}, "attachment_not_found"),
        ({"data": "no base64!"}, "attachment_not_base64"),
        ({"data": b64encode(b"<html>").decode(), "mediaType": "image/png"}, "attachment_mismatch"),
        ({}, "invalid_body"),
        ({"attachmentId": "a", "data": "b"}, "invalid_body"),
    ):
        body = {"prompt": "x", "attachments": [attachment]}
        assert refused(empty, "POST", where, body) == code
    many = {"prompt": "x", "attachments": [{"attachmentId": "a"}] * 21}
    assert refused(empty, "POST", where, many) == "too_many_attachments"
    assert ask(empty, "GET", "/agents/worker/conversation")["turns"] == []


# --- queue, steering, settings of one prompt ------------------------------------------------


def queued(service: Service, prompt: str, **more: Any) -> str:
    """A run that waits."""
    body = {"prompt": prompt, **more}
    with service.client(Accept="text/event-stream") as client:
        response = client.send(
            client.build_request("POST", "/agents/worker/execute", json=body), stream=True
        )
        lines = response.iter_lines()
        first = next(line for line in lines if line.startswith("data: "))
        response.close()
    return str(json.loads(first[6:])["runId"])


def queue_of(service: Service) -> list[str]:
    return [one["runId"] for one in ask(service, "GET", "/agents/worker/queue")["queue"]]


def answer_of(service: Service, run_id: str) -> Any:
    return wait_until(lambda: (run := ask(service, "GET", f"/runs/{run_id}"))["finishedAt"] and run)


def test_prompts_that_wait_are_listed_edited_reordered_and_dropped(
    empty: Service, held: Callable[..., Held]
) -> None:
    running = held()
    runs = [queued(empty, f"prompt {n}") for n in range(3)]
    assert queue_of(empty) == runs
    edited = ask(empty, "PATCH", f"/runs/{runs[1]}", {"prompt": "better"})
    assert edited["prompt"] == "better"
    order = [runs[2], runs[1], runs[0]]
    listed = ask(empty, "PUT", "/agents/worker/queue", {"runIds": order})["queue"]
    assert [one["runId"] for one in listed] == order
    assert refused(empty, "PUT", "/agents/worker/queue", {"runIds": runs[:2]}) == "queue_changed"
    ask(empty, "DELETE", f"/runs/{runs[0]}")
    assert queue_of(empty) == order[:2]
    done = running.finish()
    answers = [answer_of(empty, run) for run in order]
    assert [run["content"] for run in answers] == ["echo: prompt 2", "echo: better", None]
    assert answers[0]["startedAt"] < answers[1]["startedAt"]
    assert answers[2]["status"] == "cancelled"
    for run in (done["runId"], runs[0]):
        assert refused(empty, "PATCH", f"/runs/{run}", {"prompt": "late"}) == "run_has_begun"
        assert refused(empty, "DELETE", f"/runs/{run}") == "run_has_begun"
    assert refused(empty, "DELETE", "/runs/run_none") == "run_not_found"


def test_the_order_and_the_words_outlive_a_restart(service: Service) -> None:
    service.register()
    queued(service, json.dumps([{"streamed": ["begun"], "then_wait": "/never"}]))
    runs = [queued(service, f"prompt {n}") for n in range(3)]
    ask(service, "PATCH", f"/runs/{runs[0]}", {"prompt": "better"})
    ask(service, "PUT", "/agents/worker/queue", {"runIds": runs[::-1]})
    service.restart(signal.SIGKILL)
    answers = [answer_of(service, run) for run in runs]
    assert [run["content"] for run in answers] == [
        "echo: better",
        "echo: prompt 1",
        "echo: prompt 2",
    ]
    assert answers[0]["startedAt"] > answers[1]["startedAt"] > answers[2]["startedAt"]


def test_a_prompt_goes_into_the_running_turn_and_is_answered_there(
    empty: Service, held: Callable[..., Held]
) -> None:
    running = held({"tool": "Bash"}, {"heard": True})
    answer: list[Any] = []
    thread = threading.Thread(
        target=lambda: answer.append(execute(empty, "hurry up", busy="steer"))
    )
    thread.start()
    wait_until(lambda: ask(empty, "GET", "/agents/worker/queue")["queue"])
    (waiting,) = ask(empty, "GET", "/agents/worker/queue")["queue"]
    assert waiting["steeringInto"]
    where = f"/runs/{waiting['runId']}"
    assert refused(empty, "PATCH", where, {"prompt": "late"}) == "run_has_begun"
    assert refused(empty, "DELETE", where) == "run_has_begun"
    done = running.finish()
    thread.join(20)
    assert done["content"].endswith("hurry up")
    (steered,) = answer
    assert (steered["success"], steered["content"]) == (True, None)
    assert steered["steeredInto"] == done["runId"]
    turns = ask(empty, "GET", f"/conversations/{done['conversationId']}")["turns"]
    assert [turn["role"] for turn in turns] == ["user", "user", "assistant"]
    with empty.client() as client:
        events = client.get(f"/runs/{steered['runId']}/events").text
    assert "event: prompt.steered" in events


def test_a_turn_that_takes_none_in_any_more_leaves_it_to_the_run_all_the_same(
    empty: Service, held: Callable[..., Held]
) -> None:
    running = held()
    answer: list[Any] = []
    thread = threading.Thread(
        target=lambda: answer.append(execute(empty, "and then", busy="steer"))
    )
    thread.start()
    wait_until(lambda: ask(empty, "GET", "/agents/worker/queue")["queue"])
    done = running.finish()
    thread.join(20)
    assert done["content"] == "echo: and then"
    assert done["usage"]["inputTokens"] == 6, "of both turns"
    assert answer[0]["steeredInto"] == done["runId"]


def test_steering_that_is_not_possible_waits_for_its_turn_and_says_so(
    empty: Service, held: Callable[..., Held]
) -> None:
    assert execute(empty, "x", busy="steer")["content"] == "echo: x", "nothing runs"
    other = ask(empty, "POST", "/agents/worker/conversations", {})["conversationId"]
    running = held()
    first = ask(empty, "GET", "/conversations")["conversations"][-1]["conversationId"]
    waits = queued(empty, "y", busy="steer", conversationId=first)
    assert other != first
    running.finish()
    assert answer_of(empty, waits)["content"] == "echo: y"
    with empty.client() as client:
        assert '"code":"not_steered"' in client.get(f"/runs/{waits}/events").text


def test_a_cancelled_turn_gives_back_what_it_had_not_taken_in(
    empty: Service, held: Callable[..., Held]
) -> None:
    running = held()
    waits = queued(empty, "kept", busy="steer")
    ask(empty, "POST", "/agents/worker/execute/cancel", {})
    assert running.finish()["status"] == "cancelled"
    run = answer_of(empty, waits)
    assert (run["content"], run["steeredInto"]) == ("echo: kept", None)


def events_of(service: Service, run_id: str, kind: str) -> list[dict[str, Any]]:
    with service.client() as client:
        text = client.get(f"/runs/{run_id}/events").text
    lines = [line for line in text.splitlines() if line.startswith("data: ")]
    return [data for line in lines if (data := json.loads(line[6:]))["type"] == kind]


def test_a_model_and_a_mode_hold_for_one_prompt(empty: Service) -> None:
    first = execute(empty, "x")
    second = execute(empty, "x", model="better", permissionMode="plan")
    third = execute(empty, "x")
    assert [run["model"] for run in (first, second, third)] == ["scripted", "better", "scripted"]
    assert second["overrides"] == {"model": "better", "permissionMode": "plan"}
    assert events_of(empty, first["runId"], "settings.applied") == []
    (applied,) = events_of(empty, second["runId"], "settings.applied")
    assert (applied["model"], applied["permissionMode"], applied["by"]) == (
        "better",
        "plan",
        "message",
    )
    (applied,) = events_of(empty, third["runId"], "settings.applied")
    assert (applied.get("model"), applied["by"]) == (None, "message")
    pids = {
        events_of(empty, run["runId"], "run.started")[0]["pid"] for run in (first, second, third)
    }
    assert len(pids) == 1, "the CLI is told by its own message"
    fourth = execute(empty, "x", permissionMode="bypassPermissions")
    (applied,) = events_of(empty, fourth["runId"], "settings.applied")
    assert applied["by"] == "process", "that needs another one, which resumes"
    assert fourth["sessionId"] == first["sessionId"]
    bad = {"prompt": "x", "permissionMode": "nonsense"}
    assert refused(empty, "POST", "/agents/worker/execute", bad) == "invalid_option"


def test_a_title_of_strange_words_is_short_and_clean(empty: Service) -> None:
    conversation = execute(empty, "\n \x1b[31m\u202eevil\u2028 title " + "long " * 100)
    title = ask(empty, "GET", f"/conversations/{conversation['conversationId']}")["conversation"]
    assert len(title["title"]) <= 80
    assert "\x1b" not in title["title"]


# --- a browser ------------------------------------------------------------------------------


def test_a_browser_logs_in_by_the_token_and_out(empty: Service) -> None:
    with httpx.Client(base_url=empty.url) as browser:
        assert browser.get("/agents").status_code == 401
        assert browser.post("/session", json={"token": "wrong"}).status_code == 401
        answer = browser.post("/session", json={"token": empty.token})
        assert answer.status_code == 201
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        assert empty.token not in cookie
        assert browser.get("/agents").status_code == 200
        assert browser.get("/session").json()["expiresAt"]
        answer = browser.post("/agents/worker/conversations", json={})
        assert (answer.status_code, answer.json()["code"]) == (403, "origin_missing")
        own = {"Origin": empty.url}
        assert browser.post("/agents/worker/conversations", json={}, headers=own).status_code == 201
        foreign = {"Origin": "http://127.0.0.1:1"}
        answer = browser.post("/agents/worker/conversations", json={}, headers=foreign)
        assert answer.json()["code"] == "origin_not_allowed"
        form = {**own, "Content-Type": "text/plain"}
        answer = browser.post("/agents/worker/conversations", content="{}", headers=form)
        assert answer.status_code == 415
        kept = dict(browser.cookies)
        assert browser.delete("/session", headers=own).status_code == 204
        browser.cookies.update(kept)
        assert browser.get("/agents").status_code == 401


def test_a_login_outlives_a_restart_but_not_another_token(service: Service) -> None:
    with httpx.Client(base_url=service.url) as browser:
        browser.post("/session", json={"token": service.token})
        kept = dict(browser.cookies)
    service.restart()
    with httpx.Client(base_url=service.url, cookies=kept) as browser:
        assert browser.get("/agents").status_code == 200
    service.stop()
    (service.state_dir / "token").write_text("another-token-of-some-length\n")
    service.start()
    with httpx.Client(base_url=service.url, cookies=kept) as browser:
        assert browser.get("/agents").status_code == 401


def test_a_prompt_may_begin_another_conversation(empty: Service) -> None:
    first = empty.run("one").json()
    again = empty.run("two").json()
    other = empty.run("three", newConversation=True).json()
    after = empty.run("four").json()
    assert first["conversationId"] == again["conversationId"] != other["conversationId"]
    assert after["conversationId"] == other["conversationId"]
    refused = empty.run("x", newConversation=True, conversationId=first["conversationId"])
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_body")
