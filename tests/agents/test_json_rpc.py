"""JSON-RPC lines, good and bad."""

from __future__ import annotations

import json

import pytest

from agent_runner.agents.json_rpc import Incoming, RpcPeer
from agent_runner.decoding.decode import Broken


def read(rpc: RpcPeer, line: bytes) -> Incoming:
    (part,) = rpc.read(line)
    assert part.damage is None
    assert isinstance(part.message, Incoming)
    return part.message


def peer(*, text_ids: bool = False) -> RpcPeer:
    return RpcPeer({"jsonrpc": "2.0"}, text_ids=text_ids, typed=text_ids)


def test_requests_count_up_and_answers_find_them() -> None:
    rpc = peer()
    assert json.loads(rpc.request("a", {})) == {
        "jsonrpc": "2.0", "id": 1, "method": "a", "params": {},
    }  # fmt: skip
    rpc.request("b", {})
    answer = read(rpc, b'{"jsonrpc":"2.0","id":2,"result":null}')
    assert (answer.kind, answer.method) == ("answer", "b")
    again = read(rpc, b'{"jsonrpc":"2.0","id":2,"result":null}')
    assert again.method == ""


def test_text_ids_and_types() -> None:
    rpc = peer(text_ids=True)
    assert json.loads(rpc.request("a", {}))["id"] == "1"
    assert json.loads(rpc.reply("q", {}))["type"] == "response"
    assert json.loads(rpc.notify("n", {}))["type"] == "notification"


@pytest.mark.parametrize("own_id", ["null", "1.5", "true", "[]", "{}", "1" + "0" * 30, '"x"', "99"])
def test_answers_to_nothing(own_id: str) -> None:
    rpc = peer()
    rpc.request("a", {})
    answer = read(rpc, f'{{"id":{own_id},"error":{{"code":{own_id},"message":3}}}}'.encode())
    assert answer.method == ""
    assert answer.error is not None
    assert answer.error.message


def test_what_is_no_message() -> None:
    rpc = peer()
    assert rpc.read(b"") == []
    for line in (b"3", b"{}", b'{"id":1}', b"not json", b'{"jsonrpc":"2.0","id":1,"res'):
        (part,) = rpc.read(line)
        assert part.message is None
        assert isinstance(part.damage, Broken)


@pytest.mark.parametrize(
    "line",
    [b'{"id":1}', b'{"id":1,"result":{"a":1', b'{"id":1,"result":x}', b'{"id":"1","error":3'],
)
def test_the_answer_to_an_open_request_is_one_whatever_it_lacks(line: bytes) -> None:
    rpc = peer()
    rpc.request("a", {})
    (part,) = rpc.read(line)
    assert isinstance(part.message, Incoming)
    assert (part.message.kind, part.message.method) == ("answer", "a")


def test_a_batch_is_read_as_its_messages() -> None:
    rpc = peer()
    parts = rpc.read(b'[{"method":"n"},{"id":4,"method":"m","params":{"a":"\\ud83d"}}]')
    first, second = (part.message for part in parts)
    assert (first.kind, first.method) == ("notification", "n")
    assert (second.kind, second.id, second.params) == ("request", 4, {"a": "\ufffd"})


@pytest.mark.parametrize("error", ["3", '"text"', "[]", '{"message":"m","data":{"details":"d"}}'])
def test_errors_of_any_shape(error: str) -> None:
    answer = read(peer(), f'{{"id":1,"error":{error}}}'.encode())
    assert answer.error is not None
