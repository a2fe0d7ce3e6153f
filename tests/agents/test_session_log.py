"""What stands in a CLI's session file: ours is told from what another hand has written."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runner.agents.registry import adapter_for
from agent_runner.agents.session_log import Entry, Said, read

U1, U2, A1 = "11111111-1111", "22222222-2222", "aaaaaaaa-aaaa"


def claude(kind: str, content: Any, **fields: Any) -> dict[str, Any]:
    message = {"role": kind, "content": content}
    return {"type": kind, "uuid": U2, "parentUuid": U1, "message": message, **fields}


def block(kind: str, text: str) -> dict[str, str]:
    return {"type": kind, "text": text}


# As recorded: the kind of line, and what it says of whom.
LINES: list[tuple[str, dict[str, Any], tuple[str | None, str] | None]] = [
    ("claude-code", claude("user", "hello", promptSource="sdk"), ("user", "hello")),
    ("claude-code", claude("user", [block("text", "two")]), ("user", "two")),
    (
        "claude-code",
        claude(
            "user",
            "<command-name>/compact</command-name>\n   <command-message>compact</command-message>\n"
            "   <command-args>keep it</command-args>",
        ),
        ("user", "/compact keep it"),
    ),
    ("claude-code", claude("assistant", [block("text", "Hi.")]), ("assistant", "Hi.")),
    ("claude-code", claude("user", "Caveat", isMeta=True), (None, "Caveat")),
    ("claude-code", claude("user", "Before:", isCompactSummary=True), (None, "Before:")),
    ("claude-code", claude("user", "<local-command-stdout>x</local-command-stdout>"), (None, "")),
    ("claude-code", claude("user", "<task-notification>x</task-notification>"), (None, "")),
    ("claude-code", claude("user", [block("text", "[Request interrupted by user]")]), (None, "")),
    ("claude-code", claude("user", [{"type": "tool_result", "content": "x"}]), (None, "")),
    ("claude-code", claude("assistant", [{"type": "tool_use", "name": "Bash"}]), ("assistant", "")),
    ("claude-code", {"type": "attachment", "uuid": U2, "parentUuid": U1}, (None, "")),
    ("claude-code", claude("user", "by a helper", isSidechain=True), None),
    ("claude-code", {"type": "queue-operation", "content": "hello"}, None),
    (
        "factory-droid",
        {"type": "message", "id": U2, "parentId": U1, "message": claude("user", "x")["message"]},
        ("user", "x"),
    ),
    (
        "factory-droid",
        {
            "type": "message",
            "id": U2,
            "parentId": U1,
            "message": {"role": "user", "content": [block("text", "<system-reminder>\nThe tools")]},
        },
        (None, ""),
    ),
    (
        "factory-droid",
        {
            "type": "message",
            "id": U2,
            "parentId": U1,
            "message": {
                "role": "user",
                "content": [block("text", "Request cancelled by user")],
                "visibility": "llm_only",
            },
        },
        (None, ""),
    ),
    ("factory-droid", {"type": "agent_turn_outcome", "turnId": U2}, None),
    ("gemini", {"id": U2, "type": "user", "content": [{"text": "hi"}]}, ("user", "hi")),
    (
        "gemini",
        {"id": U2, "type": "user", "content": "@a\n--- Content from referenced files ---\nalpha"},
        ("user", "@a"),
    ),
    ("gemini", {"id": U2, "type": "gemini", "content": "Yes."}, ("assistant", "Yes.")),
    (
        "gemini",
        {"id": U2, "type": "user", "content": [{"text": "<session_context>\nThis is"}]},
        (None, ""),
    ),
    ("gemini", {"$set": {"lastUpdated": "2026-11-30T22:50:14.361Z"}}, None),
    ("gemini", {"sessionId": "x", "kind": "main"}, None),
    ("replay", {"type": "user", "uuid": U1}, None),
    ("custom", {"type": "user", "uuid": U1}, None),
]


@pytest.mark.parametrize(("agent_type", "line", "says"), LINES)
def test_a_line(agent_type: str, line: dict[str, Any], says: tuple[str | None, str] | None) -> None:
    entry = adapter_for(agent_type).log_entry(line)
    if says is None:
        assert entry is None
        return
    assert entry is not None
    assert entry.role == says[0]
    if entry.role is not None:
        assert entry.text == says[1]
    assert entry.entry_id == U2


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "uuid", "message", "content", "role", "text", "id", "isMeta"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["type", "uuid", "id", "message", "content"]), JUNK))
def test_odd_lines_are_no_error(line: dict[str, Any]) -> None:
    for agent_type in ("claude-code", "factory-droid", "gemini"):
        adapter_for(agent_type).log_entry(line)


class Prompts:
    def __init__(self, *prompts: str) -> None:
        self._left = deque(prompts)

    def __call__(self, text: str) -> bool:
        if text in self._left:
            self._left.remove(text)
            return True
        return False


def said(*pairs: tuple[str, str]) -> list[Said]:
    return [Said(role=role, text=text, at=None) for role, text in pairs]  # type: ignore[arg-type]


def entries(*pairs: tuple[str, str]) -> list[Entry]:
    return [Entry(role=role, text=text) for role, text in pairs]  # type: ignore[arg-type]


def test_the_same_words_by_another_hand() -> None:
    """Ours is there once: the second of two equal prompts is not."""
    both = entries(("user", "go on"), ("assistant", "One."), ("user", "go on"), ("assistant", "2."))
    reading = read(both, Prompts("go on"))
    assert reading.said == said(("user", "go on"), ("assistant", "2."))
    assert reading.elsewhere


def test_an_answer_that_comes_after_the_mark() -> None:
    late = entries(("assistant", "Late."), ("user", "ours"), ("assistant", "Ours."))
    assert read(late, Prompts("ours"), elsewhere=True).said == said(("assistant", "Late."))
    assert read(late, Prompts("ours")).said == []


def test_two_at_once_are_told_apart_by_what_each_goes_on_from() -> None:
    mixed = [
        Entry(entry_id="1", role="user", text="ours"),
        Entry(entry_id="2", parent="0", role="user", text="theirs"),
        Entry(entry_id="3", parent="1", role="assistant", text="Ours."),
        Entry(entry_id="4", parent="2"),
        Entry(entry_id="5", parent="4", role="assistant", text="Theirs."),
        Entry(entry_id="6", parent="3", role="assistant", text="More of ours."),
    ]
    reading = read(mixed, Prompts("ours"))
    assert reading.said == said(("user", "theirs"), ("assistant", "Theirs."))


def test_a_message_that_is_written_again_as_it_grows() -> None:
    grown = [
        Entry(entry_id="1", role="user", text="theirs"),
        Entry(entry_id="2", role="assistant", text="I"),
        Entry(entry_id="2", role="assistant", text="I grow."),
    ]
    assert read(grown, Prompts()).said == said(("user", "theirs"), ("assistant", "I grow."))


TURNS = st.lists(st.tuples(st.booleans(), st.sampled_from(["a", "b", "c"])), max_size=8)


@given(TURNS, st.data())
def test_it_is_the_same_read_in_one_piece_or_in_several(
    turns: list[tuple[bool, str]], data: st.DataObject
) -> None:
    """Turns of two hands, one after the other, and a mark anywhere between two lines."""
    lines: list[Entry] = []
    expected: list[tuple[str, str]] = []
    for number, (ours, name) in enumerate(turns):
        prompt = f"{name}{number}"
        answers = [(f"{number}.{part}") for part in range(data.draw(st.integers(0, 2)))]
        lines.append(Entry(entry_id=f"u{number}", role="user", text=prompt))
        lines += [Entry(entry_id=answer, role="assistant", text=answer) for answer in answers]
        if not ours:
            expected += [("user", prompt), *(("assistant", answer) for answer in answers[-1:])]
    mine = Prompts(*(f"{name}{number}" for number, (ours, name) in enumerate(turns) if ours))
    found: list[Said] = []
    elsewhere, left = False, lines
    while left:
        size = data.draw(st.integers(1, len(left)))
        reading = read(left[:size], mine, elsewhere=elsewhere)
        found += reading.said
        elsewhere, left = reading.elsewhere, left[size:]
    prompts = [(one.role, one.text) for one in found if one.role == "user"]
    assert prompts == [pair for pair in expected if pair[0] == "user"]
    last = {one.text.split(".")[0]: one.text for one in found if one.role == "assistant"}
    assert list(last.values()) == [text for role, text in expected if role == "assistant"]
