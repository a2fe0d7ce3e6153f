"""`python -m agent_runner.recorder.models --port 9900 [--script replies.json]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from agent_runner.recorder.models.script import Reply
from agent_runner.recorder.models.server import ModelServer


def main() -> None:
    """Serve until interrupted; the base URL is the one line on stdout."""
    parser = argparse.ArgumentParser(
        prog="python -m agent_runner.recorder.models",
        description="Stand-in for the Anthropic and Gemini model APIs on 127.0.0.1.",
        epilog="Without a script, a mark in the prompt chooses the answer: <<text>>, "
        "<<echo:words>>, <<shell:command>>, <<write:path>>, <<http:429>>, <<slow:20>>, <<big>>.",
    )
    parser.add_argument("--port", type=int, default=9900, help="0 takes any free port")
    parser.add_argument("--script", type=Path, help="JSON file: a list of replies")
    args = parser.parse_args()
    server = ModelServer(args.port)
    if args.script:
        server.script(msgspec.json.decode(args.script.read_bytes(), type=list[Reply]))
    sys.stdout.write(server.url + "\n")
    sys.stdout.flush()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.stop()


if __name__ == "__main__":
    main()
