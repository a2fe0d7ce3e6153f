"""Text that is not seen as what it is: named, shown as codes, and never of low risk."""

from __future__ import annotations

import json
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runner.approvals.hidden import coded, counted, findings, shown
from agent_runner.approvals.hints import LOOKED_THROUGH, MOST_NOTES, Hints, hints
from agent_runner.tui.words import approval_row, approval_text
from tests.api.test_approvals import decide, frames, pending
from tests.cli.test_commands import call
from tests.conftest import Service
from tests.helpers.trial import wait_until
from tests.test_plain_text import SEEN

CWD = "/work/project"


def of(tool: str, kind: str | None = None, **given_input: Any) -> Hints:
    return hints(tool, kind, given_input, CWD)


HIDDEN = {
    "right-to-left override": "ls \u202egpj.exe",
    "isolate": "ls \u2066x\u2069",
    "zero width": "ls a\u200bb",
    "joiner in a word": "ls a\u200db",
    "tags": "ls " + "".join(chr(0xE0000 + ord(c)) for c in "rm -rf /"),
    "tags in a flag": "ls \U0001f3f4"
    + "".join(chr(0xE0000 + ord(c)) for c in "rmrf")
    + "\U000e007f",
    "tags after a flag": "ls \U0001f3f4" + "".join(chr(0xE0000 + ord(c)) for c in "rm -rf /"),
    "variation selector": "ls a\ufe0f",
    "more variation selectors": "ls a" + "\U000e0100\U000e0101",
    "soft hyphen": "ls a\xadb",
    "grapheme joiner": "ls a\u034fb",
    "filler": "ls a\u3164b",
    "braille blank": "ls a\u2800b",
    "escape": "ls \x1b[2K\x1b[1Gecho",
    "C1": "ls \x9b2K",
    "backspace": "ls rm\b\b",
    "carriage return": "cat a # \recho harmless",
    "line separator": "ls \u2028x",
    "next line": "ls \x85x",
    "no-break space": "ls\u00a0x",
    "ideographic space": "ls \u3000x",
    "combining flood": "ls a" + "\u0301" * 50,
    "surrogate": "ls \ud800",
    "padding": "ls" + " " * 3000 + "x",
    "tabs": "ls" + "\t" * 300 + "x",
    "line ends": "ls" + "\n" * 60 + "pwd",
    "Cyrillic in a host": "cat https://p\u0430ypal.com/x",
    "Cyrillic host": "cat https://\u0430\u0440\u0440\u04cf\u0435.com/x",
    "Greek in a host": "cat https://g\u03bfogle.com/x",
    "punycode": "cat https://xn--80ak6aa92e.com/x",
    "a user at such a host": "cat git@\u0430\u0440\u0440\u04cf\u0435.com:a/b",
    "program": "r\u043c x",
    "fullwidth": "\uff52\uff4d x",
    "mathematical": "\U0001d5cb\U0001d5c6 x",
}
NEAR = {"a program of Cyrillic": "\u0441\u0430\u0442 x", "a slash that is none": "cat a\u2215b"}


@pytest.mark.parametrize("text", HIDDEN.values(), ids=HIDDEN)
def test_it_is_named_wherever_it_stands(text: str) -> None:
    places: list[tuple[str, str | None, dict[str, Any]]] = [
        ("Bash", "execute", {"command": text}),
        ("Read", None, {"file_path": f"{CWD}/{text}"}),
        ("WebFetch", None, {"url": text}),
        ("Grep", None, {"pattern": text}),
        ("Read", None, {"toolUses": [{"name": "Read", "input": {"x": {"y": [[text]]}}}]}),
    ]
    for tool, kind, given_input in places:
        found = hints(tool, kind, given_input, CWD)
        harmless = of(tool, kind, command="ls x") if tool == "Bash" else hints(tool, kind, {}, CWD)
        assert found.risk != "low", (tool, found)
        assert len(found.notes) > len(harmless.notes), (tool, found)
        for shown_text in (found.command or "", *found.paths, *found.network, *found.notes):
            assert coded(shown_text) == shown_text
        json.dumps(given_input)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("ls \u202ex", "ls <U+202E>x"),
        ("ls" + " " * 3000 + "; rm x", "ls <3000 blanks> ; rm x"),
        ("ls" + " \n" * 60 + "rm x", "ls\n<60 line ends>\nrm x"),
        ("curl https://p\u0430ypal.com", "curl https://p<U+0430>ypal.com"),
        ("a\rb", "a<U+000D>b"),
        ("a\r\nb\tc", "a\r\nb\tc"),
        ("echo \u2728 \U0001f469\u200d\U0001f467 \u2764\ufe0f 1\ufe0f\u20e3", None),
        ("echo \u65e5\u672c\u8a9e \u043f\u0440\u0438\u0432\u0435\u0442 na\u00efve \u03a9", None),
        ("echo \u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", None),
        ("echo \U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", None),
        ("cat \u65e5\u672c/n\u2013x.md " + " " * 39, None),
    ],
)
def test_a_command_is_shown_so_that_all_of_it_is_seen(text: str, seen: str | None) -> None:
    found = of("Bash", "execute", command=text)
    assert found.command == (text if seen is None else seen)
    if seen is None:
        assert found.notes == ["only looks"]
        assert found.risk == "low"


@pytest.mark.parametrize("command", NEAR.values(), ids=NEAR)
def test_what_hides_in_a_command_alone(command: str) -> None:
    assert of("Bash", "execute", command=command).risk != "low"
    assert of("Grep", pattern=command).risk == "low"
    assert of("Read", file_path="\u0434\u043e\u043c/\u0444.md").notes == ["only reads"]


def test_what_it_is_and_where() -> None:
    found = of("Write", file_path="a", content="x\u202e\u202d\u2066\u2067y")
    assert found.risk == "high"
    assert found.notes[0] == (
        "characters that turn the direction of text (U+202E, U+202D, U+2066, ...) in `content`"
    )
    found = of("Bash", "execute", command="curl https://\u0430\u0440\u0440\u04cf\u0435.com:8/x")
    assert found.network == ["https://xn--80ak6aa92e.com:8/x"]
    assert any("is xn--80ak6aa92e.com" in note for note in found.notes)
    assert of("Bash", "execute", command="curl https://m\u00fcnchen.de/").risk == "medium"
    assert of("Bash", "execute", command="r\u043c x").notes[0].endswith("(r<U+043C>)")
    found = of("Bash", "execute", command="ls" + " " * 3000 + "x")
    assert "3000 blanks or line ends in a row in `command`" in found.notes
    assert "a command of 3003 characters" in found.notes
    found = hints("mcp__x\u200b__y", None, {}, CWD, "Allow\u202e?")
    assert found.notes[:2] == [
        "invisible characters (U+200B) in the tool's name",
        "characters that turn the direction of text (U+202E) in the question",
    ]
    deep: Any = "\u200b"
    for _ in range(10_000):
        deep = {"a": deep}
    assert of("mcp__x__y", a=deep).risk == "high"
    assert hints("mcp__x__y", None, {"na\u200bme": 1}, CWD).risk == "high"


def test_a_byte_order_mark_before_a_file_hides_nothing() -> None:
    assert of("Write", file_path="a", content="\ufeffx").notes == ["writes files"]
    assert of("Write", file_path="a", content="x\ufeff").risk == "high"


def test_too_much_is_told() -> None:
    found = of("Write", file_path="a", content="x" * (LOOKED_THROUGH + 1))
    assert "too much to be looked through for hidden text" in found.notes
    many = {f"a\u200b{number}": "\u202e\x1b\u00a0" for number in range(1000)}
    found = hints("mcp__x__y", None, many, CWD)
    assert (found.risk, len(found.notes)) == ("high", MOST_NOTES + 1)


def test_every_character_that_is_no_text_is_found() -> None:
    """Over all of Unicode: controls, formats, separators, surrogates, private ones."""
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp", "Zs"):
            known = character in "\n\t " or code in SEEN - {0x110BD}
            text = f"a{character}b"
            assert bool(list(findings(text))) is not known, hex(code)
            assert (shown(text) == text) is known, hex(code)


TEXTS = (
    st.text(st.sampled_from("ls x;\u202e\u200b\x1b\r\u00a0\U000e0041r\u043c\ufe0f\n/")) | st.text()
)


@given(TEXTS, st.sampled_from(["Bash", "Read", "Grep", "mcp__x__y"]))
def test_nothing_hidden_is_of_low_risk_or_left_as_it_is(text: str, tool: str) -> None:
    kind = "execute" if tool == "Bash" else None
    found = hints(tool, kind, {"command" if tool == "Bash" else "path": text}, CWD)
    if shown(text) != text and not text.startswith("\ufeff"):
        assert found.risk != "low"
    for shown_text in (found.command or "", *found.paths, *found.network, *found.notes):
        assert coded(counted(shown_text)) == shown_text


def test_every_face_shows_it(live: Service, tmp_path: Path) -> None:
    """HTTP, the stream, the terminal and its panels; what runs is exact."""
    command = "ls \u202e \x1b[2K" + " " * 3000 + "rm -rf build"
    script = json.dumps(
        [{"ask": "Bash", "input": {"command": command}, "log": str(tmp_path / "log")}]
    )
    with live.client() as client:
        begun = client.get("/approvals").json()["lastEventSeq"]
    with (
        live.client(Accept="text/event-stream") as client,
        client.stream("POST", "/agents/worker/execute", json={"prompt": script}),
    ):
        wait_until(lambda: bool(pending(live)))
        (approval,) = pending(live)
        seen = "ls <U+202E> <U+001B>[2K <3000 blanks> rm -rf build"
        assert approval["input"] == {"command": command}
        with client.stream("GET", f"/approvals/events?after={begun}") as stream:
            event = next(frames(stream.iter_lines()))
        for hinted in (approval, event["approval"]):
            assert hinted["hints"]["command"] == seen
            assert hinted["hints"]["risk"] == "high"
            notes = "; ".join(hinted["hints"]["notes"])
            assert "U+202E" in notes
            assert "3000 blanks" in notes
        _, listed, _ = call(live, "approvals", "list")
        assert seen in listed
        _, details, _ = call(live, "approvals", "show", approval["approvalId"])
        assert "turn the direction of text (U+202E)" in details
        assert seen[:30] in approval_row(approval)[-1].plain
        assert "U+202E" in approval_text(approval).plain
        assert decide(live, approval).status_code == 200
    wait_until(lambda: (tmp_path / "log").exists())
    assert json.loads((tmp_path / "log").read_text()) == {"command": command}
