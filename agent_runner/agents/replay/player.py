"""A program that speaks Claude Code's two-way protocol from a recording.

    python player.py FOLDER DELAY_MS

Each prompt on stdin is answered by the next recorded turn, line by line, DELAY_MS
milliseconds apart; after the last turn it begins again. Standard library only and run
with -I -S, so that it starts in the time of a bare interpreter.
"""

import gzip
import json
import os
import sys
import time


def turns(folder: str) -> list[list[bytes]]:
    """The recorded lines, cut after each `result`; answers to control requests are left out."""
    path = os.path.join(folder, "stdout.jsonl")
    with open(path, "rb") if os.path.exists(path) else gzip.open(path + ".gz") as file:
        data = file.read()
    found: list[list[bytes]] = [[]]
    for line in data.splitlines(keepends=True):
        kind = json.loads(line)["type"]
        if not kind.startswith("control_"):
            found[-1].append(line)
        if kind == "result":
            found.append([])
    return [turn for turn in found if turn]


def main() -> int:
    """Play until stdin ends."""
    recorded = turns(sys.argv[1])
    delay = float(sys.argv[2]) / 1000
    played = 0
    out = sys.stdout.buffer
    for line in sys.stdin.buffer:
        message = json.loads(line)
        if message["type"] == "control_request":
            answer = {"subtype": "success", "request_id": message["request_id"], "response": {}}
            out.write(json.dumps({"type": "control_response", "response": answer}).encode())
            out.write(b"\n")
            out.flush()
        elif message["type"] == "user":
            for recorded_line in recorded[played % len(recorded)]:
                time.sleep(delay)
                out.write(recorded_line)
                out.flush()
            played += 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
