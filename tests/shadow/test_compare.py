"""What counts as the same answer, and what does not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation_store.records import Figures, FileChange, LegBody, ToolCall
from shadow.compare import LONGEST_TEXT, Leg, compare, similarity
from shadow.normalise import normalise, normalise_value

TEXTS = st.text(max_size=300) | st.from_regex(
    r"(\x1b\[3\dm|/a/b|2026-01-02T03:04:05Z|12:30:01|deadbeef12|1\.5 s|toolu_abcdefgh| x\n){0,12}",
    fullmatch=True,
)


def leg(text: str = "", *, root: str = "/a", **fields: Any) -> Leg:
    figures = fields.pop("figures", Figures(success=True, duration_ms=100))
    return Leg(figures=figures, body=LegBody(output=text, **fields), roots=[root])


@given(TEXTS)
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    once = normalise(text, ["/a/b"])
    assert normalise(once, ["/a/b"]) == once
    assert "\x1b" not in once


@given(TEXTS, st.sampled_from(["/home/u/work", "/state/mirrors/c~0/tree", "/w"]))
def test_a_legs_folder_does_not_count(text: str, root: str) -> None:
    marked = text.replace("/a/b", "ROOT/f ")
    assert normalise(marked.replace("ROOT", root), [root]) == normalise(
        marked.replace("ROOT", "/home/other/x"), ["/home/other/x"]
    )


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("took 1.2 s", "took 340 ms"),
        ("at 2026-01-02T03:04:05.123Z", "at 2026-11-21 13:00:00"),
        ("commit 1f3a9bc", "commit 9e0d11a4b2"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("in /tmp/x1", "in /tmp/y2"),
        ("a  \r\n\r\n\r\n\r\nb", "a\n\nb"),
        ("id 0b8f7a7e-1111-4222-8333-944445555666", "id aaaaaaaa-1111-4222-8333-944445555666"),
    ],
)
def test_what_does_not_count(ours: str, theirs: str) -> None:
    assert normalise(ours) == normalise(theirs)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("port 8080", "port 8081"), ("deleted 3", "deleted 4"), ("/a/bc", "/a/b"), ("v2", "v3")],
)
def test_what_counts(ours: str, theirs: str) -> None:
    assert normalise(ours, ["/a/b"]) != normalise(theirs, ["/a/b"])


def test_deep_values_end() -> None:
    value: Any = "x"
    for _ in range(5000):
        value = [value]
    normalise_value(value)


@given(TEXTS)
def test_a_leg_matches_itself(text: str) -> None:
    found = compare(leg(text), leg(text))
    assert (found.verdict, found.similarity, found.reasons) == ("match", 1.0, [])


@given(TEXTS, TEXTS)
def test_likeness_is_a_share_and_has_no_sides(ours: str, theirs: str) -> None:
    likeness = similarity(ours, theirs)
    assert 0 <= likeness <= 1
    assert likeness == pytest.approx(similarity(theirs, ours))


@pytest.mark.parametrize(
    ("primary", "mirror", "verdict"),
    [
        (True, False, "mirror_failed"),
        (False, True, "primary_failed"),
        (False, False, "both_failed"),
    ],
)
def test_a_leg_that_failed_decides(primary: bool, mirror: bool, verdict: str) -> None:
    legs = [leg("x", figures=Figures(success=ok, code="stalled")) for ok in (primary, mirror)]
    found = compare(*legs)
    assert (found.verdict, found.similarity) == (verdict, None)
    assert all("stalled" in reason.text for reason in found.reasons)


LONG = "The build is green now; I changed the parser and added two tests for the empty line. "


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict", "codes"),
    [
        (LONG, LONG.replace("two", "some"), "equivalent", {"wording_differs"}),
        (LONG, "I could not do it.", "mismatch", {"text_differs"}),
        (f"{LONG}\n- a\n- b", f"{LONG}\n- a b", "equivalent", {"wording_differs", "lists_differ"}),
        (
            f"{LONG}\n```py\nx = 1\n```",
            f"{LONG}\n```py\nx = 1\n",
            "equivalent",
            {"wording_differs"},
        ),
        (f"{LONG}\n```py\nx\n```", f"{LONG}\n```sh\nx\n```", "mismatch", {"code_differs"}),
    ],
)
def test_texts(ours: str, theirs: str, verdict: str, codes: set[str]) -> None:
    found = compare(leg(ours), leg(theirs))
    assert found.verdict == verdict
    assert codes <= {reason.code for reason in found.reasons}


def change(path: str, content: str = "1", how: str = "modified") -> FileChange:
    return FileChange(path=path, change=how, content=content)


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict", "code"),
    [
        ([change("a")], [change("a")], "match", None),
        ([change("a")], [], "mismatch", "files_differ"),
        ([change("a")], [change("a", how="deleted")], "mismatch", "files_differ"),
        ([change("a")], [change("a", "2")], "equivalent", "content_reworded"),
        (None, [change("a")], "match", None),
    ],
)
def test_files(ours: Any, theirs: Any, verdict: str, code: str | None) -> None:
    found = compare(leg("x", files=ours, diff="+a"), leg("x", files=theirs, diff="+a"))
    assert found.verdict == verdict
    assert {reason.code for reason in found.reasons} == ({code} if code else set())


def test_other_content_is_a_mismatch() -> None:
    ours = leg("x", files=[change("a")], diff="+one line\n")
    theirs = leg("x", files=[change("a", "2")], diff="+quite another\n+thing\n")
    assert compare(ours, theirs).verdict == "mismatch"


def test_tool_calls_are_compared_by_name_and_input_but_for_the_folder() -> None:
    def call(root: str, name: str = "Write") -> dict[str, Any]:
        return {"tool_calls": [ToolCall(name=name, input={"path": f"{root}/x"})], "root": root}

    assert compare(leg("x", **call("/a")), leg("x", **call("/b"))).verdict == "match"
    other = compare(leg("x", **call("/a")), leg("x", **call("/b", "Edit")))
    assert (other.verdict, other.reasons[0].code) == ("equivalent", "tools_differ")


def test_time_and_cost_are_told_and_decide_nothing() -> None:
    slow = Figures(success=True, duration_ms=900, cost_usd=0.5, corrupt="1 broken lines")
    fast = Figures(success=True, duration_ms=100, cost_usd=0.1)
    found = compare(leg("x", figures=fast), leg("x", figures=slow))
    assert found.verdict == "match"
    codes = {reason.code for reason in found.reasons}
    assert codes == {"time_differs", "cost_differs", "mirror_corrupt"}


def test_a_long_text_does_not_take_long() -> None:
    text = "word " * LONGEST_TEXT
    assert similarity(text, f"{text}x") == 1.0


def _changed(text: str, number: int, diff: str) -> Leg:
    files = [
        FileChange(path="big", change="added", content="a" * 40),
        FileChange(path="small", change="added", content=str(number) * 40),
    ]
    big = "".join(f"+line {line} of the same generated text\n" for line in range(300))
    whole = f"diff --git a/big b/big\n{big}diff --git a/small b/small\n{diff}\n"
    body = LegBody(output=text, tool_calls=[], files=files, diff=whole)
    return Leg(figures=Figures(success=True), body=body)


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        ("+echo hello", "+rm -rf /srv/data", "mismatch"),
        ("+echo hello world", "+echo hello, world", "equivalent"),
        (
            "Binary files /dev/null and b/small differ",
            "Binary files /dev/null and b/small differ",
            "mismatch",
        ),
    ],
    ids=["drowned", "reworded", "binary"],
)
def test_the_file_that_differs_most_decides(first: str, second: str, verdict: str) -> None:
    assert compare(_changed("Done.", 1, first), _changed("Done.", 2, second)).verdict == verdict
