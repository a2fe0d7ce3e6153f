"""`make defences`: take each fault's defence out of a copy, and see its tests fail.

A test that cannot fail proves nothing. `defence_table` names, for each numbered fault, the
piece of the code that is the defence and what a service without it would have in its place. Each
is put into a copy of the project, and the tests of that fault, which are marked with its number,
must fail there. There are as many copies as are worked on at once.

    seen failing   a test of the fault failed
    hung           none failed, but one did not come to its end in TEST_LIMIT_S seconds
    SURVIVED       the tests do not notice that the defence is gone
    skipped        this machine cannot make the fault

A test that waits in vain for a condition does so for VAIN_S seconds in the copy.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import psutil

from tests.faults.defence_table import DEFENCES, Defence
from tests.faults.patching import StaleTableError, patched, path_of, planted

ROOT = Path(__file__).parents[2]
PARTS = (
    "agent_runner",
    "conversation_store",
    "fallback",
    "shadow",
    "tests",
    "fixtures/scripted",
    "fixtures/claude-code/2.1.332/warm-demo",
)
VAIN_S = 10
TEST_LIMIT_S = 30
LIMIT_S = 90
UNBROKEN_LIMIT_S = 600
AT_ONCE = 2

# The tests' own patience, which a missing defence uses up.
_PATIENCE = (
    ("tests.helpers.trial", "LONGEST_S = 30.0", f"LONGEST_S = {VAIN_S}.0"),
    ("tests.helpers.sockets", "connection.settimeout(30)", f"connection.settimeout({VAIN_S})"),
)


def tests_of_faults(root: Path) -> dict[int, list[str]]:
    """The pytest ids of the tests that are marked with each fault's number."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    for path in sorted((root / "tests" / "faults").glob("test_*.py")):
        for test in ast.parse(path.read_text("utf-8")).body:
            if isinstance(test, ast.FunctionDef | ast.AsyncFunctionDef):
                for number in _faults_of(test):
                    found[number].append(f"{path.relative_to(root)}::{test.name}")
    return found


def _faults_of(test: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[int]:
    for mark in test.decorator_list:
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.fault":
            yield from (ast.literal_eval(number) for number in mark.args)


def without(root: Path, defence: Defence) -> tuple[Path, str]:
    """The file of a defence and what it holds without it; StaleTableError if it is not there."""
    path = root / path_of(defence.where.partition(":")[0])
    source = path.read_text("utf-8")
    return path, patched(source, defence.where, defence.text, defence.instead)


def check_table(root: Path) -> None:
    """StaleTableError names every entry that cannot be taken out of the code."""
    stale = []
    for defence in DEFENCES:
        try:
            without(root, defence)
        except StaleTableError as error:
            stale.append(f"{defence.fault:>3}  {defence.what}: {error}")
    if stale:
        raise StaleTableError("\n".join(stale))


class Copy:
    """The project in a folder of its own, whose code may be broken."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        self._folder = folder
        for part in PARTS:
            shutil.copytree(
                ROOT / part, self.root / part, ignore=shutil.ignore_patterns("__pycache__")
            )
        shutil.copy(ROOT / "pyproject.toml", self.root)
        for where, text, instead in _PATIENCE:
            self._write(*without(self.root, Defence(0, "", where, text, instead)))

    @contextlib.contextmanager
    def without(self, defence: Defence) -> Iterator[None]:
        """The copy with a defence taken out."""
        with self._changed(*without(self.root, defence)):
            yield

    @contextlib.contextmanager
    def _changed(self, path: Path, content: str) -> Iterator[None]:
        before = path.read_text("utf-8")
        self._write(path, content)
        try:
            yield
        finally:
            self._write(path, before)

    def run(
        self, tests: Sequence[str], limit: float = LIMIT_S, processes: int = 0
    ) -> tuple[int | None, str]:
        """pytest's exit code, None if it did not end in `limit` seconds, and what it printed."""
        base = self._folder / "tmp"
        shutil.rmtree(base, ignore_errors=True)
        options = ["-x", "-q", "-p", "no:cacheprovider", f"--timeout={TEST_LIMIT_S}"]
        options.append(f"--numprocesses={processes}")
        with subprocess.Popen(
            [sys.executable, "-m", "pytest", *options, f"--basetemp={base}", *tests],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(self.root)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process:
            try:
                said, _ = process.communicate(timeout=limit)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                said, _ = process.communicate()
                return None, said
            finally:
                self._end_what_is_left()
        return process.returncode, said

    def check_it_is_imported(self) -> None:
        """Prove that neither the tests nor the services that they start import the original."""
        marker = "this is the copy"
        for module, tests, what in (
            ("agent_runner.cli.main", "test_service.py", "a service that is started imports"),
            ("agent_runner.wire", "test_supervision.py", "the tests import"),
        ):
            path = self.root / path_of(module)
            ended = planted(path.read_text("utf-8"), f"raise SystemExit({marker!r})")
            with self._changed(path, ended):
                _, said = self.run([f"tests/faults/{tests}"])
            if marker not in said:
                raise StaleTableError(f"{what} other code:\n{said[-3000:]}")

    def _write(self, path: Path, content: str) -> None:
        path.write_text(content, "utf-8")
        # Compiled code is told from stale by size and second: too little for us.
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
            compiled.unlink()

    def _end_what_is_left(self) -> None:
        """A service without its defence leaves processes behind, which all lie in our folder."""
        ours = f"{self._folder}/"
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if any(ours in word for word in (*process.cmdline(), f"{process.cwd()}/")):
                    process.kill()


def verdict(code: int | None, said: str) -> str:
    """What became of tests without their defence."""
    if code is None or (code == 1 and re.search(r"^E +Failed: Timeout", said, re.MULTILINE)):
        return "hung"
    if code == 1:
        return "seen failing"
    if code == 0:
        return "SURVIVED" if re.search(r"\d+ passed", said) else "skipped"
    raise StaleTableError(f"pytest could not run the tests:\n{said[-3000:]}")


def main() -> int:
    """Break what is asked; 1 if a test survived, 2 if the table is stale or tests fail anyway."""
    parser = argparse.ArgumentParser(prog="make defences", description="see tests/faults")
    parser.add_argument("faults", nargs="*", type=int, metavar="NUMBER", help="[all]")
    parser.add_argument("--unbroken", action="store_true", help="trust the unbroken tests")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help=f"how many [{AT_ONCE}]")
    asked = parser.parse_args()
    try:
        check_table(ROOT)
        with tempfile.TemporaryDirectory(prefix="defences-") as folder:
            root = Path(folder).resolve()
            copies = [Copy(root / str(number)) for number in range(asked.at_once)]
            return _break(copies, asked.faults, trust=asked.unbroken)
    except StaleTableError as error:
        _say(str(error))
        return 2


def _break(copies: Sequence[Copy], faults: Sequence[int], *, trust: bool) -> int:
    tests = tests_of_faults(copies[0].root)
    numbers = sorted(faults or tests)
    missing = [number for number in numbers if number not in {d.fault for d in DEFENCES}]
    if missing:
        raise StaleTableError(f"no defence is listed for fault {', '.join(map(str, missing))}")
    copies[0].check_it_is_imported()
    if not trust:
        every = [name for number in numbers for name in tests[number]]
        code, said = copies[0].run(every, UNBROKEN_LIMIT_S, processes=len(copies))
        if code != 0:
            raise StaleTableError(f"the tests fail with every defence in place:\n{said[-3000:]}")
    asked = sorted((d for d in DEFENCES if d.fault in numbers), key=lambda d: d.fault)
    idle: SimpleQueue[Copy] = SimpleQueue()
    for copy in copies:
        idle.put(copy)

    def result_without(defence: Defence) -> str:
        copy = idle.get()
        try:
            with copy.without(defence):
                return verdict(*copy.run(tests[defence.fault]))
        finally:
            idle.put(copy)

    survived = 0
    with ThreadPoolExecutor(len(copies)) as at_work:
        for defence, result in zip(asked, at_work.map(result_without, asked), strict=True):
            survived += result == "SURVIVED"
            more = f" in {TEST_LIMIT_S} s" if result == "hung" else ""
            _say(f"{defence.fault:>3}  {result + more:<14} {defence.what}")
    _say(f"survived: {survived or 'none'}")
    return min(1, survived)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
