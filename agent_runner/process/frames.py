"""What goes over the sockets between the service, its warden and its keepers.

Standard library only: a keeper starts without site packages.
"""

import os
import socket
import struct


def send_descriptors(target: socket.socket, descriptors: list[int]) -> None:
    """Pass them on, with a message of one byte."""
    socket.send_fds(target, [b"+"], descriptors)


def receive_descriptors(source: socket.socket) -> list[int] | None:
    """Those that come with a message of one byte; None at the end of the stream."""
    data, descriptors, _, _ = socket.recv_fds(source, 1, 3)
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    return descriptors if data else None


def frame(data: bytes) -> bytes:
    """`data` behind its length."""
    return struct.pack(">I", len(data)) + data


def receive_frame(source: socket.socket) -> bytes | None:
    """What `frame` was made of, and no byte more; None if the stream ends before that."""
    head = receive(source, 4)
    return None if head is None else receive(source, *struct.unpack(">I", head))


def receive(source: socket.socket, length: int) -> bytes | None:
    """So many bytes, or None if the stream ends before."""
    data = b""
    while len(data) < length:
        more = source.recv(length - len(data))
        if not more:
            return None
        data += more
    return data
