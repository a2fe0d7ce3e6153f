"""What a tool call is about, told from its name, its kind and its input.

Names of tools are those of all CLIs that we know (`tools.py` in their folders), kinds are ACP's.
Nothing here is sure: the CLI may have a tool of any name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from agent_runner.agents.tools import known_tools

_TOOLS = known_tools()
READING_TOOLS = _TOOLS.reading
QUESTION_TOOLS = _TOOLS.questions
SHELL_TOOLS = _TOOLS.running
EDITING_TOOLS = _TOOLS.editing
FETCHING_TOOLS = _TOOLS.fetching

READING_KINDS = frozenset(("read", "search"))
"""Not `think`: Gemini's memory tool, which writes, is of that kind."""

NO_PERMISSION = "switch_mode"
"""ACP's kind of a call that asks for something else than a tool's permission."""

COMMAND_ARGUMENTS = ("command", "cmd", "script")
PATH_ARGUMENTS = (
    *("path", "paths", "file_path", "filePath", "file_paths", "notebook_path", "absolute_path"),
    *("dir_path", "directory", "directory_path", "folder", "folder_path", "file", "files"),
)
MOST_TEXTS = 1000

_PATCHED = re.compile(r"^\*\*\* (?:Add File|Update File|Delete File|Move to): (.+)$", re.MULTILINE)


def is_question(tool: str, kind: str | None) -> bool:
    """True if the call asks for an answer and not for permission."""
    return tool in QUESTION_TOOLS or kind == NO_PERMISSION


def is_shell(tool: str, kind: str | None) -> bool:
    """True if the call runs a command."""
    return tool in SHELL_TOOLS or kind == "execute"


def only_reads(tool: str, kind: str | None) -> bool:
    """True if the call looks at files only. A kind, where there is one, has to say so too."""
    if is_shell(tool, kind) or is_question(tool, kind):
        return False
    return tool in READING_TOOLS if kind is None else kind in READING_KINDS


def calls_in(tool: str, input: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:  # noqa: A002
    """The calls that one question is about: Droid asks for several as `{"toolUses": [...]}`.

    The first of them bears the name of the question, or else it is taken for a single call.
    """
    uses = input.get("toolUses")
    if len(input) == 1 and isinstance(uses, list) and uses:
        calls = [
            (use["name"], use["input"])
            for use in uses
            if isinstance(use, dict)
            and use.keys() == {"name", "input"}
            and isinstance(use["name"], str)
            and isinstance(use["input"], dict)
        ]
        if len(calls) == len(uses) and calls[0][0] == tool:
            return calls
    return [(tool, input)]


def commands_of(tool: str, kind: str | None, input: dict[str, Any]) -> list[str]:  # noqa: A002
    """The commands it runs: of its arguments, or else the title that ACP shows in their place.

    Words in a list are joined by blanks. ValueError as `texts_in`.
    """
    found = [input[name] for name in COMMAND_ARGUMENTS if name in input]
    if not found and is_shell(tool, kind) and "title" in input:
        found = [input["title"]]
    return [text if isinstance(text, str) else " ".join(texts_in(text)) for text in found]


def paths_of(input: dict[str, Any]) -> list[str]:  # noqa: A002
    """The paths it names in its arguments, in ACP's diffs and in a patch, each once.

    ValueError as `texts_in`.
    """
    found: list[Any] = [
        text for name in PATH_ARGUMENTS if name in input for text in texts_in(input[name])
    ]
    diffs = input.get("diffs")
    if isinstance(diffs, list):
        found += [item["path"] for item in diffs if isinstance(item, dict) and "path" in item]
    for name in ("patch", "input"):
        if isinstance(input.get(name), str):
            found += _PATCHED.findall(input[name])
    return list(dict.fromkeys(text.strip() for text in found if isinstance(text, str)))


def texts_in(value: Any) -> list[str]:
    """Every text in a value, numbers and words of JSON as it writes them.

    ValueError if there are more than MOST_TEXTS.
    """
    found: list[str] = []
    for text in _leaves(value):
        if len(found) == MOST_TEXTS:
            raise ValueError("too many texts")
        found.append(text)
    return found


def _leaves(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            waiting.extend(reversed(item.values()))
        elif isinstance(item, list):
            waiting.extend(reversed(item))
        else:
            yield json.dumps(item)
