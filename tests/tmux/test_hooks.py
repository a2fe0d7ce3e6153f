"""The driver's listener: whoever can connect to it cannot end it."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Iterator
from contextlib import ExitStack

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
