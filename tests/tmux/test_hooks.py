"""The driver's listener: whoever can connect to it cannot end it."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from agent_runner.tmux import hooks as module
from agent_runner.tmux.hooks import Hooks


@pytest.fixture
def selector() -> Iterator[selectors.BaseSelector]:
    with selectors.DefaultSelector() as made:
        yield made
        for key in list(made.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()


def serve(selector: selectors.BaseSelector) -> None:
    while ready := selector.select(0.05):
        for key, _ in ready:
            key.data()


def test_who_says_nothing_goes_when_others_come(
    selector: selectors.BaseSelector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_UNREAD", 3)
    hooks = Hooks(selector, lambda number, event: {}, lambda number: None)
    with ExitStack() as clients:
        for _ in range(8):
            clients.enter_context(socket.create_connection(hooks._listener.getsockname()))
            serve(selector)
        assert len(hooks._unread) == 3
        last = clients.enter_context(socket.create_connection(hooks._listener.getsockname()))
        last.sendall(f"POST {hooks._path} HTTP/1.1\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        serve(selector)
        assert last.recv(100).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("length", ["x", "-1", "\u00b2", "1e3"])
def test_a_length_that_is_none_is_told(selector: selectors.BaseSelector, length: str) -> None:
    hooks = Hooks(selector, lambda number, event: {}, lambda number: None)
    with socket.create_connection(hooks._listener.getsockname()) as client:
        head = f"POST {hooks._path} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n"
        client.sendall(head.encode("latin-1"))
        serve(selector)
        assert client.recv(100).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":"cut \xff"}',
        b'Warning: old {"a":"cut \xef\xbf\xbd"}',
        b'{"a":"cut \xf0\x9f"} and more',
        b'\n{"a":"cut \xff"}{"b":1}',
    ],
)
def test_a_hook_with_something_odd_around_it_is_taken(
    selector: selectors.BaseSelector, body: bytes
) -> None:
    taken: list[dict[str, Any]] = []

    def take(number: int, event: dict[str, Any]) -> dict[str, Any]:
        taken.append(event)
        return {}

    hooks = Hooks(selector, take, lambda number: None)
    with socket.create_connection(hooks._listener.getsockname()) as client:
        head = f"POST {hooks._path} HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body)
        serve(selector)
        assert client.recv(100).startswith(b"HTTP/1.1 200")
    assert [list(event) for event in taken] == [["a"]]
    assert taken[0]["a"].startswith("cut \ufffd")


@pytest.mark.parametrize("body", [b"", b"[]", b"Warning", b"{x}", b'{"a":'])
def test_a_hook_that_holds_no_object_is_told(selector: selectors.BaseSelector, body: bytes) -> None:
    hooks = Hooks(selector, lambda number, event: {}, lambda number: None)
    with socket.create_connection(hooks._listener.getsockname()) as client:
        head = f"POST {hooks._path} HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body)
        serve(selector)
        assert client.recv(100).startswith(b"HTTP/1.1 400")
