"""The model stand-ins over loopback HTTP, as the CLIs see them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from recorder.models import (
    Cut,
    Finish,
    Http,
    ModelServer,
    Reply,
    Shell,
    Sleep,
    StreamError,
    Text,
    Think,
    Tool,
    Write,
)
from recorder.models.script import filler
from recorder.models.tools import find_cwd


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


def claude(server: ModelServer, prompt: Any = "hello", **more: Any) -> httpx.Response:
    body = {"model": "m", "messages": [{"role": "user", "content": prompt}], **more}
    return httpx.post(f"{server.url}/v1/messages?beta=true", json=body)


def gemini(server: ModelServer, prompt: str = "hello", **more: Any) -> httpx.Response:
    body = {"contents": [{"role": "user", "parts": [{"text": prompt}]}], **more}
    return httpx.post(f"{server.url}/v1beta/models/flash:streamGenerateContent?alt=sse", json=body)


def events(response: httpx.Response) -> list[dict[str, Any]]:
    lines = response.text.splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]


def test_whole_message(server: ModelServer) -> None:
    server.script([Reply([Think("hm"), Text("a"), Text("b"), Finish("max_tokens")])])
    message = claude(server).json()
    assert [block["type"] for block in message["content"]] == ["thinking", "text"]
    assert message["content"][1]["text"] == "ab"
    assert message["stop_reason"] == "max_tokens"


def test_streamed_message(server: ModelServer) -> None:
    server.script([Reply([Text("one two", chunk=4), Tool("Bash", {"command": "ls"})])])
    found = events(claude(server, stream=True))
    assert found[0]["type"] == "message_start"
    assert found[-1]["type"] == "message_stop"
    deltas = [event["delta"] for event in found if event["type"] == "content_block_delta"]
    assert [delta.get("text") for delta in deltas[:2]] == ["one ", "two"]
    assert json.loads("".join(delta["partial_json"] for delta in deltas[2:])) == {"command": "ls"}
    assert found[-2]["delta"]["stop_reason"] == "tool_use"


def test_stream_error_ends_the_stream(server: ModelServer) -> None:
    server.script([Reply([Text("a"), StreamError("overloaded_error")])])
    assert events(claude(server, stream=True))[-1]["error"]["type"] == "overloaded_error"


def test_http_error_with_headers(server: ModelServer) -> None:
    server.script([Reply([Sleep(0.01), Http(429, "slow down", headers={"retry-after": "1"})])])
    response = claude(server)
    assert (response.status_code, response.headers["retry-after"]) == (429, "1")
    assert response.json()["error"] == {"type": "rate_limit_error", "message": "slow down"}


@pytest.mark.parametrize("call", [claude, gemini])
def test_cut_drops_the_connection(server: ModelServer, call: Any) -> None:
    server.script([Reply([Text("a"), Cut()])])
    with pytest.raises(httpx.HTTPError):
        call(server, stream=True)


def test_gemini_stream(server: ModelServer) -> None:
    server.script([Reply([Think("hm"), Text("a"), Shell("ls"), Finish(usage={"x": 1})])])
    tools = [{"functionDeclarations": [{"name": "run_shell_command"}]}]
    found = events(gemini(server, tools=tools))
    parts = [chunk["candidates"][0]["content"]["parts"][0] for chunk in found]
    assert parts[0]["thought"] is True
    assert parts[2]["functionCall"]["name"] == "run_shell_command"
    assert found[-1]["candidates"][0]["finishReason"] == "STOP"
    assert found[-1]["usageMetadata"]["x"] == 1


def test_gemini_error(server: ModelServer) -> None:
    server.script([Reply([Http(503)])])
    response = gemini(server)
    assert response.status_code == 503
    assert response.json()["error"]["status"] == "UNAVAILABLE"


def test_a_side_question_uses_no_reply(server: ModelServer) -> None:
    server.script([Reply([Text("the answer")])])
    config = {"responseMimeType": "application/json"}
    side = events(gemini(server, generationConfig=config))
    assert "next_speaker" in side[0]["candidates"][0]["content"]["parts"][0]["text"]
    assert "the answer" in gemini(server).text


def test_replies_are_used_up_in_order_and_by_match(server: ModelServer) -> None:
    server.script([Reply([Text("for two")], match="two"), Reply([Text("twice")], times=2)])
    told = [claude(server, prompt).json()["content"][0]["text"] for prompt in ("1", "two", "3")]
    assert told == ["twice", "for two", "twice"]
    assert claude(server).json()["content"][0]["text"].startswith("Hello")


def test_marks_choose_by_prompt_and_step(server: ModelServer) -> None:
    first = claude(server, "<<shell:echo hi>>", tools=[{"name": "Execute"}]).json()
    assert first["content"][0]["name"] == "Execute"
    assert first["content"][0]["input"]["command"] == "echo hi"
    messages = [
        {"role": "user", "content": "<<shell:echo hi>>"},
        {"role": "assistant", "content": first["content"]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x"}]},
    ]
    second = claude(server, messages=messages).json()
    assert second["content"][0]["text"] == "Done."


def test_the_project_folder_is_filled_in(server: ModelServer) -> None:
    server.script([Reply([Write("{cwd}/out.txt", "x")])])
    message = claude(server, system="Primary working directory: /work/here\n").json()
    assert message["content"][0]["input"]["file_path"] == "/work/here/out.txt"


def test_no_folder_named() -> None:
    assert find_cwd({"messages": []}) == "."


def test_other_routes(server: ModelServer) -> None:
    assert httpx.head(server.url).status_code == 200
    assert httpx.get(f"{server.url}/v1/models").json()["data"] == []
    count = httpx.post(f"{server.url}/v1/messages/count_tokens", json={})
    assert count.json() == {"input_tokens": 123}
    tokens = httpx.post(f"{server.url}/v1beta/models/flash:countTokens", json={})
    assert tokens.json() == {"totalTokens": 42}
    assert httpx.post(f"{server.url}/nowhere", json={}).status_code == 404
    assert [entry["method"] for entry in server.requests()] == ["GET", "POST", "POST", "POST"]


def test_filler_has_the_size_and_no_line_twice() -> None:
    text = filler(10_000)
    assert len(text) == 10_000
    assert len(set(text.splitlines())) == len(text.splitlines())


def test_it_runs_as_a_program(tmp_path: Any) -> None:
    script = tmp_path / "replies.json"
    script.write_text('[{"do": [{"do": "text", "text": "from a file"}]}]')
    argv = [sys.executable, "-m", "recorder.models", "--port", "0"]
    with subprocess.Popen(
        [*argv, "--script", str(script)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        answer = httpx.post(f"{url}/v1/messages", json=body).json()
        process.terminate()
    assert answer["content"][0]["text"] == "from a file"
