"""JSON-RPC lines, good and bad."""

from __future__ import annotations

import json

import pytest

from agent_runner.agents.json_rpc import Incoming, RpcPeer
from agent_runner.schemas.decode import Broken


def peer(*, text_ids: bool = False) -> RpcPeer:
    return RpcPeer({"jsonrpc": "2.0"}, text_ids=text_ids, typed=text_ids)


def test_requests_count_up_and_answers_find_them() -> None:
    rpc = peer()
    assert json.loads(rpc.request("a", {})) == {
        "jsonrpc": "2.0", "id": 1, "method": "a", "params": {},
    }  # fmt: skip
    rpc.request("b", {})
    answer = rpc.read(b'{"jsonrpc":"2.0","id":2,"result":null}')
    assert isinstance(answer, Incoming)
    assert (answer.kind, answer.method) == ("answer", "b")
    again = rpc.read(b'{"jsonrpc":"2.0","id":2,"result":null}')
    assert isinstance(again, Incoming)
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
    answer = rpc.read(f'{{"id":{own_id},"error":{{"code":{own_id},"message":3}}}}'.encode())
    assert isinstance(answer, Incoming)
    assert answer.method == ""
    assert answer.error is not None
    assert answer.error.message


def test_what_is_no_message() -> None:
    rpc = peer()
    assert rpc.read(b"") is None
    for line in (b"3", b"{}", b'{"id":1}', b"not json"):
        assert isinstance(rpc.read(line), Broken)


@pytest.mark.parametrize("error", ["3", '"text"', "[]", '{"message":"m","data":{"details":"d"}}'])
def test_errors_of_any_shape(error: str) -> None:
    answer = peer().read(f'{{"id":1,"error":{error}}}'.encode())
    assert isinstance(answer, Incoming)
    assert answer.error is not None
