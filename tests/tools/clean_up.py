#!/usr/bin/env python3
"""Removes all but the newest backups of a folder once a person has agreed to it."""

import argparse
from pathlib import Path

from agent_runner import emitter


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keep", type=int, default=3)
    parser.add_argument("--approval-id")  # added when the tool is started again
    given = parser.parse_args()

    with emitter.heartbeats():
        backups = sorted(given.folder.glob("*.bak"))
    old = backups[: -given.keep]
    choice = emitter.request_approval(
        f"Remove {len(old)} of {len(backups)} backups?",
        ["remove", "only list"],
        {"folder": str(given.folder), "files": [path.name for path in old]},
    )
    for path in old if choice == "remove" else ():
        path.unlink()


if __name__ == "__main__":
    main()
