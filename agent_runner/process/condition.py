"""What is wrong with a program that cannot be started, as far as its file tells.

An installer may be at work: for a moment the program is absent, empty, half written or open for
writing. A link that leads nowhere, or a file that may not be executed, stays so.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import struct
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path

from agent_runner.home import home
from agent_runner.process.programs import named, usual_places

_HEAD = 128
_LONGEST_INTERPRETER = 80


class Condition(StrEnum):
    """What a program is in the place of one that can be started."""

    ABSENT = "absent"
    DANGLING = "dangling"
    FOLDER = "folder"
    NOT_EXECUTABLE = "not_executable"
    EMPTY = "empty"
    HALF_WRITTEN = "half_written"
    BUSY = "busy"
    NO_INTERPRETER = "no_interpreter"


PASSING = frozenset(
    (Condition.ABSENT, Condition.DANGLING, Condition.NOT_EXECUTABLE, Condition.EMPTY)
) | {Condition.HALF_WRITTEN, Condition.BUSY, Condition.NO_INTERPRETER}
"""What an installer at work may leave for a moment."""


def condition_of(path: Path) -> Condition | None:
    """What is wrong with the file there; None if nothing is seen."""
    try:
        found = path.stat()
    except OSError:
        return Condition.DANGLING if path.is_symlink() else Condition.ABSENT
    if not stat.S_ISREG(found.st_mode):
        return Condition.FOLDER
    if not os.access(path, os.X_OK):
        return Condition.NOT_EXECUTABLE
    if found.st_size == 0:
        return Condition.EMPTY
    return Condition.HALF_WRITTEN if _is_cut(path, found.st_size) else None


def condition_after(path: Path, number: int) -> Condition | None:
    """What the error number of a start that failed says of the program; None if nothing."""
    if number == errno.ETXTBSY:
        return Condition.BUSY
    if number in (errno.ENOEXEC, errno.EINVAL, errno.ELIBBAD):
        return condition_of(path) or Condition.HALF_WRITTEN
    if number == errno.ENOENT:
        return condition_of(path) or Condition.NO_INTERPRETER
    return condition_of(path) if number == errno.EACCES else None


def lying_about(
    program: str, env: Mapping[str, str], base: str | None, folders: Iterable[str] = ()
) -> Path | None:
    """What bears the name of a program that was not found, where `programs.find` looks for it."""
    if os.sep in program:
        return named(program, base)
    usual = usual_places(home() or Path(os.sep), folders)
    places = [*os.get_exec_path(dict(env)), *map(str, usual)]
    paths = (Path(place, program).absolute() for place in places if place)
    return next((path for path in paths if os.path.lexists(path)), None)


def told(path: Path | str, condition: Condition) -> str:
    """The condition in words."""
    match condition:
        case Condition.DANGLING:
            return f"{path} is a link to {os.readlink(path)}, where nothing is"
        case Condition.FOLDER:
            return f"{path} is no file that can be run: it is a folder"
        case Condition.NOT_EXECUTABLE:
            return f"{path} is no file that can be run: it may not be executed"
        case Condition.EMPTY:
            return f"{path} is an empty file"
        case Condition.HALF_WRITTEN:
            return f"{path} is no whole program of this machine (Exec format error)"
        case Condition.BUSY:
            return f"{path} is being written (Text file busy)"
        case Condition.NO_INTERPRETER:
            return f"{path} needs {_interpreter(Path(path))}, which is not there"
    return f"{path} is no file that can be run"


def _is_cut(path: Path, size: int) -> bool:
    """True of an ELF file that is shorter than its own table of sections says."""
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError:  # it may be run and not read
        return False
    if len(head) < 64 or head[:5] != b"\x7fELF\x02" or head[5:6] != b"\x01":
        return head[:4] == b"\x7fELF" and len(head) < 52
    (sections,) = struct.unpack_from("<Q", head, 0x28)
    each, count = struct.unpack_from("<HH", head, 0x3A)
    return bool(sections) and sections + each * count > size


def _interpreter(path: Path) -> str:
    try:
        with path.open("rb") as file:
            line = file.read(_HEAD).split(b"\n")[0].decode("utf-8", "replace")
    except OSError:
        return "an interpreter"
    if not line.startswith("#!"):
        return "a loader or a library"
    words = line[2:].split()
    program = next(iter(words), "an interpreter")
    if program.endswith("/env") and os.path.exists(program) and len(words) > 1:
        program = words[1] if shutil.which(words[1]) is None else program
    program = program[:_LONGEST_INTERPRETER]
    if line.endswith("\r"):
        return f"{program} with a carriage return behind it (its lines end as on Windows)"
    return program
