"""`make load`: the scenarios in a row, a line each, and a report as JSON and Markdown."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks.load.result import Result, line, markdown
from benchmarks.load.scenarios import SCENARIOS
from benchmarks.load.target import Cli


def main() -> int:
    """0 if every criterion is met."""
    parser = argparse.ArgumentParser(prog="agent-runner load", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="scenario", help=", ".join(SCENARIOS))
    parser.add_argument("--prompts", type=int, default=100, help="prompts of a burst [100]")
    parser.add_argument("--minutes", type=float, default=1.0, help="length of the soak [1]")
    parser.add_argument("--type", default="claude-code", help="agent type [claude-code]")
    parser.add_argument("--program", default="", help="a CLI of that type [the scripted one]")
    parser.add_argument("--env", action="append", default=[], help="NAME=VALUE for the agents")
    parser.add_argument("--json", type=Path, help="write the results there")
    parser.add_argument("--markdown", type=Path, help="write a report there")
    asked = parser.parse_args()
    unknown = set(asked.scenarios) - set(SCENARIOS)
    if unknown:
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    env = dict(pair.split("=", 1) for pair in asked.env)
    cli = Cli(type=asked.type, program=asked.program, env=env)
    print(line(None), flush=True)
    results: list[Result] = []
    for name in asked.scenarios or SCENARIOS:
        found = SCENARIOS[name](cli, asked.prompts, asked.minutes)
        results.append(found)
        print(line(found), flush=True)
    about = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {asked.type}, "
    about += asked.program or "the scripted stand-in"
    if asked.json:
        asked.json.write_bytes(msgspec.json.format(msgspec.json.encode(results)) + b"\n")
    if asked.markdown:
        asked.markdown.write_text(markdown(results, about), "utf-8")
    missed = [found.scenario for found in results if not found.met]
    print(f"missed: {', '.join(missed) or 'none'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
