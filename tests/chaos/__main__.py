"""`make chaos`: mistreat the service, and print what held beside what must."""

from __future__ import annotations

import argparse
import sys

from tests.chaos.approvals import decisions, open_questions
from tests.chaos.calls import calls
from tests.chaos.crashes import crashes
from tests.chaos.cuts import cuts
from tests.chaos.kills import kills
from tests.chaos.page_cuts import page_cuts
from tests.chaos.page_kills import page_kills
from tests.chaos.races import races
from tests.helpers.world import Table


def main() -> int:
    """Run every part; 1 if a threshold was missed."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="kill -9 of the service [200]")
    parser.add_argument("--cuts", type=int, default=1000, help="cuts of a stream [1000]")
    parser.add_argument("--schedules", type=int, default=10_000, help="races in the store [10000]")
    parser.add_argument("--runs", type=int, default=2000, help="races of whole runs [2000]")
    parser.add_argument("--decisions", type=int, default=10_000, help="on approvals [10000]")
    parser.add_argument("--questions", type=int, default=30, help="kills while one is open [30]")
    parser.add_argument("--page-kills", type=int, default=100, help="with the page open [100]")
    parser.add_argument("--seed", type=int, default=1, help="for the same moments again [1]")
    asked = parser.parse_args()
    table = Table()
    crashes(table)
    calls(table)
    races(table, asked.schedules, asked.runs, asked.seed)
    cuts(table, asked.cuts, asked.seed)
    page_cuts(table, asked.cuts, asked.seed)
    decisions(table, asked.decisions, asked.seed)
    open_questions(table, asked.questions, asked.seed)
    kills(table, asked.kills, asked.seed)
    page_kills(table, asked.page_kills, asked.seed)
    sys.stdout.write("missed: none\n" if not table.missed else f"missed: {table.missed}\n")
    return min(1, table.missed)


if __name__ == "__main__":
    sys.exit(main())
