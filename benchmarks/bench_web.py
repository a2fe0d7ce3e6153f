"""The page: what a browser loads first, packed, beside a limit; what it costs the service."""

from __future__ import annotations

import re
import sys
import urllib.request

from agent_runner.api.page_bundle import FOLDER, INDEX
from benchmarks import browsing
from benchmarks.harness import HERE, Service, columns, heading, row, service, verdict

FIRST_LOAD_BYTES = 250_000
"""A second on a slow phone's connection (2 Mbit/s)."""
HELD_BYTES = 6 << 20
_LOADED = re.compile(
    r'<script[^>]* src="/([^"]+)"'
    r'|<link[^>]* rel="(?:stylesheet|modulepreload)"[^>]* href="/([^"]+)"'
)


def first_load(ending: str) -> int:
    """Bytes of index.html and of all that it loads, in a packed form."""
    index = (FOLDER / INDEX).read_text("utf-8")
    names = [INDEX, *("".join(found) for found in _LOADED.findall(index))]
    return sum((FOLDER / f"{name}{ending}").stat().st_size for name in names)


def held(at: Service) -> int:
    """What the service grows by when the page is visited, in bytes."""
    before = at.resident()
    with urllib.request.urlopen(f"http://{at.host}:{at.port}/") as answer:
        answer.read()
    return at.resident() - before


def main() -> None:
    """Print the table."""
    if not (FOLDER / INDEX).is_file():
        sys.exit("the page is not built: python3 .ci/bootstrap.py run")
    heading("The page: what it costs to load and to serve")
    columns("limit")
    for name, ending in (("gzip", ".gz"), ("Brotli", ".br")):
        size = first_load(ending)
        met = verdict(size <= FIRST_LOAD_BYTES)
        row(
            f"first load, {name}, kB",
            f"{size / 1000:.1f}",
            f"{FIRST_LOAD_BYTES / 1000:g}",
            f"{size / FIRST_LOAD_BYTES:.2f}x",
            f"<= {FIRST_LOAD_BYTES / 1000:g} kB: {met}",
        )
    browsing.measure()
    with service(HERE / "instant.sh", warm_processes=0) as at:
        grown = held(at)
    row(
        "service's growth at the first visit, MiB",
        f"{grown / 2**20:.2f}",
        f"{HELD_BYTES >> 20}",
        f"{grown / HELD_BYTES:.2f}x",
        f"< {HELD_BYTES >> 20} MiB: {verdict(grown < HELD_BYTES)}",
    )


if __name__ == "__main__":
    main()
