"""A CLI that prints odd lines, and one that calls nothing a success: what its run comes to.

The rows are the kinds, the columns the ways to drive each CLI; the CLI is a program. What is
odd in one line alone, in all its variants, is in `tests/agents/test_odd_lines.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conftest import SCRIPTED, Script, Serving
from tests.helpers.trial import (
    CLAUDE,
    CLAUDE_ONCE,
    DROID,
    DROID_ONCE,
    GEMINI,
    GEMINI_ONCE,
    Trial,
    Way,
    suffer,
)

pytestmark = pytest.mark.anyio

CASES = Path(__file__).parent / "cases"
CUSTOM_ONCE = Way("custom", warm=False)
CUSTOM_WARM = Way("custom", warm=True)
CLAUDE_FLAGS = ["--dialect=claude", "-p", "--input-format=stream-json"]

WAYS: dict[str, tuple[Way, dict[str, Any]]] = {
    "claude-once": (CLAUDE_ONCE, {}),
    "claude-warm": (CLAUDE, {}),
    "droid-once": (DROID_ONCE, {}),
    "droid-warm": (DROID, {}),
    "gemini-once": (GEMINI_ONCE, {}),
    "gemini-warm": (GEMINI, {}),
    "custom-claude-once": (CUSTOM_ONCE, {"dialect": "claude-code", "command": CLAUDE_FLAGS}),
    "custom-claude-warm": (CUSTOM_WARM, {"dialect": "claude-code", "command": CLAUDE_FLAGS}),
    "custom-acp-warm": (CUSTOM_WARM, {"dialect": "acp", "command": ["--dialect=gemini", "--acp"]}),
}


async def come_to(
    serving: Serving, tmp_path: Path, name: str, script: Script, **limits: Any
) -> Trial:
    way, options = WAYS[name]
    if "command" in options:
        options = {**options, "command": [str(SCRIPTED), *options["command"]]}
    return await suffer(serving, tmp_path, way, script, options=options, **limits)


class Kind(NamedTuple):
    """A script with something odd in it; the line limit; what its trial is like."""

    script: Script
    line_bytes: int = 1 << 20
    answer: str = "It ends with 4"
    broken: bool = False
    truncated: bool = False


TOOL: Script = [{"tool": "Bash", "input": {"command": "ls"}, "output": "cut here@odd@"}]
TEXT: Script = [{"text": "It ends with 4@odd@"}]
PIECES: Script = [{"text": "It ends with 4", "deltas": 2}]
END: Script = [{"result": True}]
ENOUGH = "A" * 200_000

KINDS = {
    "half-a-surrogate-pair": Kind(
        [{"spoil": "@odd@", "with": r"\\ud83d", "do": [*TOOL, *TEXT, *END]}],
        answer="It ends with 4\ufffd",
    ),
    "no-utf8": Kind(
        [{"spoil": "@odd@", "with": "\u00ff", "do": [*TOOL, *TEXT, *END]}],
        answer="It ends with 4\ufffd",
    ),
    "a-notice-before-the-end": Kind(
        [*TOOL, *PIECES, {"raw": "(node:42) Warning: { it: is, old }\0"}, *END], broken=True
    ),
    "two-on-one-line": Kind(
        [*TOOL, {"spoil": r"\n(?=[^\n]+\n\Z)", "with": "", "do": [*PIECES, *END]}]
    ),
    "counts-of-another-type": Kind(
        [
            *TOOL,
            *PIECES,
            {
                "spoil": r'"(input_?[tT]okens|num_?[tT]urns|duration_?[mM]s|durationMs)": \d+',
                "with": r'"\1": "12"',
                "do": END,
            },
        ]
    ),
    "how-it-ended-is-missing": Kind(
        [
            *TOOL,
            *PIECES,
            {
                "spoil": r'"(subtype|status|stopReason|reason|finalText)": "[^"]*", ',
                "with": "",
                "do": END,
            },
        ]
    ),
    "how-it-ended-is-no-text": Kind(
        [
            *TOOL,
            *PIECES,
            {
                "spoil": r'"(subtype|status|stopReason|reason|finalText)": "[^"]*"',
                "with": r'"\1": {"a": 1}',
                "do": END,
            },
        ]
    ),
    "the-end-is-cut": Kind(
        [*TOOL, *PIECES, {"spoil": r"\}+\n\Z", "with": "\n", "do": END}], broken=True
    ),
    "the-end-is-damaged": Kind(
        [*TOOL, *PIECES, {"spoil": r"\}\n\Z", "with": r', nope: "x" "y" }\n', "do": END}],
        broken=True,
    ),
    "the-end-of-a-tool-is-cut": Kind(
        [{"spoil": r"[\]}]+\n\Z", "with": "\n", "do": TOOL}, *PIECES, *END],
        broken=True,
        truncated=True,
    ),
    "a-tool-said-too-much": Kind(
        [{"spoil": "@odd@", "with": ENOUGH, "do": TOOL}, *PIECES, *END],
        line_bytes=100_000,
        truncated=True,
    ),
    "the-end-is-too-long": Kind(
        [*TOOL, *PIECES, {"spoil": r"\}\n\Z", "with": f', "zz": "{ENOUGH}"}}\\n', "do": END}],
        line_bytes=100_000,
    ),
    "the-end-holds-too-much": Kind(
        [
            *TOOL,
            *PIECES,
            {"spoil": r"\}\n\Z", "with": f', "zz": [{"1, " * 99_999}1]}}\\n', "do": END},
        ],
        line_bytes=100_000,
    ),
}


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("kind", KINDS)
async def test_odd_lines(serving: Serving, tmp_path: Path, kind: str, name: str) -> None:
    odd = KINDS[kind]
    trial = await come_to(serving, tmp_path, name, odd.script, line_bytes=odd.line_bytes)
    assert (trial.run.state, trial.run.code) == ("succeeded", None)
    assert trial.answer is not None
    assert trial.answer.endswith(odd.answer)
    (tool,) = trial.of("tool.completed")
    assert tool["status"] == "completed"
    assert tool["output"].startswith("cut here")
    assert tool.get("truncated", False) == odd.truncated
    assert bool(trial.of("parse_error")) == odd.broken
    assert bool(trial.of("oversize")) == (odd.line_bytes < 1 << 20)
    assert trial.of("unknown") == []


@pytest.mark.parametrize("name", WAYS)
async def test_a_cut_end_is_the_last_of_the_output(
    serving: Serving, tmp_path: Path, name: str
) -> None:
    cut: Script = [{"spoil": r"\}+\n\Z", "with": "", "do": END}, {"die": 0}]
    trial = await come_to(serving, tmp_path, name, [*PIECES, *cut])
    assert (trial.run.state, trial.answer) == ("succeeded", "It ends with 4")


@pytest.mark.parametrize("name", WAYS)
async def test_an_end_of_which_only_the_type_is_left_is_none(
    serving: Serving, tmp_path: Path, name: str
) -> None:
    """The whole line may yet come; if it does not, the answer's end is lost."""
    only: Script = [{"spoil": r"(?s)\A(.{12}).*", "with": r"\1\n", "do": END}]
    trial = await come_to(serving, tmp_path, name, [*PIECES, *only, {"die": 0}])
    assert (trial.run.state, trial.run.code) == ("failed", "no_result")


@pytest.mark.parametrize("name", WAYS)
async def test_a_success_without_an_answer(serving: Serving, tmp_path: Path, name: str) -> None:
    trial = await come_to(serving, tmp_path, name, [{"result": ""}])
    assert (trial.run.state, trial.run.code) == ("failed", "no_answer")
    (end,) = trial.of("run.finished")
    assert "send the prompt again" in end["hint"]
    assert [event["source"] for event in trial.of("route.decided")] == ["comm_mode"]


def case(name: str) -> Script:
    """The lines of a case, played as they are."""
    script: Script = []
    for line in (CASES / f"{name}.jsonl").read_text().split("\n"):
        if line.startswith("#raw "):
            script.append({"raw": line[5:].replace(r"\x00", "\0")})
        elif line:
            script.append({"line": line.replace("@SID@", "s-1")})
    return [*script, {"fall_silent": True}]


CLAUDE_WAYS = [name for name in WAYS if "claude" in name]


@pytest.mark.parametrize("name", CLAUDE_WAYS)
async def test_case_surrogate_result(serving: Serving, tmp_path: Path, name: str) -> None:
    trial = await come_to(serving, tmp_path, name, case("surrogate-result"))
    assert (trial.run.state, trial.answer) == ("succeeded", "It ends with \ufffd")
    (tool,) = trial.of("tool.completed")
    assert (tool["status"], tool["output"]) == ("completed", "cut here \ufffd")
    assert trial.of("parse_error", "unknown") == []


@pytest.mark.parametrize("name", CLAUDE_WAYS)
async def test_case_odd_result_field(serving: Serving, tmp_path: Path, name: str) -> None:
    trial = await come_to(serving, tmp_path, name, case("odd-result-field"))
    assert (trial.run.state, trial.answer) == ("succeeded", "four")
    assert trial.run.usage == {"outputTokens": 3}
    (drift,) = trial.notices("drift")
    assert drift["data"] == {"result.usage.input_tokens": 1}


@pytest.mark.parametrize("name", CLAUDE_WAYS)
async def test_case_glued_claude(serving: Serving, tmp_path: Path, name: str) -> None:
    trial = await come_to(serving, tmp_path, name, case("glued-claude"))
    assert (trial.run.state, trial.answer) == ("succeeded", "fine")
    raws = [event["raw"] for event in trial.of("parse_error")]
    assert raws == ["(node:42) Warning: something is old\0"]


@pytest.mark.parametrize("name", CLAUDE_WAYS)
async def test_case_noop_resume(serving: Serving, tmp_path: Path, name: str) -> None:
    trial = await come_to(serving, tmp_path, name, case("noop-resume"))
    assert (trial.run.state, trial.run.code) == ("failed", "no_answer")


@pytest.mark.parametrize("name", CLAUDE_WAYS)
async def test_case_hook_blocked(serving: Serving, tmp_path: Path, name: str) -> None:
    trial = await come_to(serving, tmp_path, name, case("hook-blocked"))
    assert (trial.run.state, trial.run.code) == ("failed", "blocked_by_hook")
    words = "UserPromptSubmit operation blocked by hook: memory worker is not there"
    assert trial.run.error == words
