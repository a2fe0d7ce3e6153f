"""A hook command for CLIs whose hooks are programs: passes the hook to the driver and back.

`python -I -S pass_hook.py FILE` posts its stdin to the URL in FILE and prints the answer. The
URL is a secret, and every user of the machine can read a command line. If the driver is gone it
prints nothing and leaves with 0, so that no CLI takes its end for a refusal.
"""

from __future__ import annotations

import socket
import sys


def main() -> None:
    """Pass one hook on."""
    body = sys.stdin.buffer.read()
    try:
        with open(sys.argv[1], encoding="ascii") as file:
            url = file.read().strip()
        address, _, path = url.removeprefix("http://").partition("/")
        host, _, port = address.partition(":")
        with socket.create_connection((host, int(port))) as connection:
            head = f"POST /{path} HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            answer = b""
            while data := connection.recv(1 << 16):
                answer += data
    except OSError:
        return
    sys.stdout.buffer.write(answer.partition(b"\r\n\r\n")[2])


if __name__ == "__main__":
    main()
