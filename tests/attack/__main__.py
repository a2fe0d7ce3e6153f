"""`make attack`: what strangers can do to the port before the token is asked for, in figures."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.attack import attacks
from tests.attack.measure import MOST_GROWTH, attacked, effect_of
from tests.helpers.many_streams import open_streams
from tests.helpers.world import Table

SLOWEST_S = 1.0
STREAMS = 1000


def main() -> int:
    """Run every attack; 1 if a threshold was missed."""
    parser = argparse.ArgumentParser(prog="make attack", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each attack [3]")
    parser.add_argument("--only", default="", help="attacks with this in their name")
    asked = parser.parse_args()
    attacks.SECONDS = asked.seconds
    table = Table()
    with tempfile.TemporaryDirectory() as folder, attacked(Path(folder)) as service:
        with open_streams(service, STREAMS) as (opened, refused):
            table.row("streams open", opened, f"{STREAMS}", ok=opened == STREAMS)
            table.row("  the next one", refused, "503", ok=refused == 503)
        for name, attack in attacks.ATTACKS.items():
            if asked.only not in name:
                continue
            effect = effect_of(attack, service)
            grown = f"{effect.growth / (1 << 20):.1f} MiB"
            table.row(name, grown, f"<= {MOST_GROWTH >> 20} MiB", ok=effect.growth <= MOST_GROWTH)
            table.row(
                "  the slowest answer",
                f"{effect.slowest_s * 1000:.0f} ms",
                "<= 1000 ms",
                ok=effect.slowest_s <= SLOWEST_S,
            )
            answered = effect.answers.get(200, 0)
            of = sum(effect.answers.values())
            table.row("  /health answered", f"{answered} of {of}", "all", ok=answered == of)
            table.row("  sockets open", effect.connections)
        lines = service.output.count("event=requests_refused")
        table.row("lines in the log about it", lines)
    sys.stdout.write("missed: none\n" if not table.missed else f"missed: {table.missed}\n")
    return min(1, table.missed)


if __name__ == "__main__":
    sys.exit(main())
