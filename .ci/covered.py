"""Runs the tests and prints which lines and branches they reach, by package (make coverage).

    .venv/bin/python .ci/covered.py [pytest's arguments]

Programs that tests start are counted, too: many get an environment of their own, so it is no
variable but a `.pth` file in .venv that starts the measuring, for as long as this runs. What
runs without `site` (`python -S`: keepers, the terminal driver, the player of recordings) is not.
"""

import json
import subprocess
import sys
import sysconfig
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coverage import Coverage

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "pyproject.toml"
SUITE = ("-q", "-n", "4", "--dist", "worksteal", "--ignore=tests/real")
_START = (
    "import os; os.environ['COVERAGE_PROCESS_START'] = {config!r}; "
    "import coverage; coverage.process_startup(); del os.environ['COVERAGE_PROCESS_START']\n"
)


def main() -> int:
    """Exit code of the tests; the table is printed in any case."""
    arguments = sys.argv[1:] or SUITE
    with tempfile.TemporaryDirectory(prefix="coverage-") as folder:
        data = Path(folder) / "data"
        with measuring(Path(folder) / "rc", data):
            code = subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT).returncode
        found = Coverage(data_file=str(data), config_file=str(CONFIG))
        found.combine([folder])
        report = Path(folder) / "report.json"
        found.json_report(outfile=str(report))
        show(json.loads(report.read_text()))
    return code


@contextmanager
def measuring(config: Path, data: Path) -> Iterator[None]:
    """Have every process of this environment measure itself."""
    own = Coverage(config_file=str(CONFIG))
    wanted = ("branch", "parallel", "sigterm", "patch", "source_pkgs", "disable_warnings")
    lines = ["[run]", f"data_file = {data}"]
    for name in wanted:
        value = own.get_option(f"run:{name}")
        lines.append(f"{name} = {', '.join(value) if isinstance(value, list) else value}")
    config.write_text("\n".join(lines) + "\n")
    start = Path(sysconfig.get_path("purelib")) / "zz_measuring.pth"
    start.write_text(_START.format(config=str(config)))
    try:
        yield
    finally:
        start.unlink()


def show(report: dict) -> None:
    """A row for each package, and the sum."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for name, file in report["files"].items():
        if Path(name).is_absolute():
            continue  # a package that a test made
        parts = Path(name).parts
        package = ".".join(parts[:2]) if len(parts) > 2 else parts[0]
        of = file["summary"]
        figures = ("covered_lines", "num_statements", "covered_branches", "num_branches")
        for row in (package, "all"):
            sums[row] = [a + of[b] for a, b in zip(sums[row], figures, strict=True)]
    print(f"{'package':<34}{'lines':>8}{'of':>8}{'branches':>10}{'of':>8}")
    for name in [*sorted(set(sums) - {"all"}), "all"]:
        lines, statements, branches, exits = sums[name]
        print(
            f"{name:<34}{_share(lines, statements):>8}{statements:>8}"
            f"{_share(branches, exits):>10}{exits:>8}"
        )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


if __name__ == "__main__":
    sys.exit(main())
