"""The verdict on two legs that were given the same prompt.

One that failed decides at once. Otherwise:

match       the normalised texts are the same, and so are the tool calls and the files left behind
equivalent  the texts are similar (`similar_at`), with as many code blocks in the same languages;
            the same files were changed in the same way, to similar content; tools may differ
mismatch    anything else

Time, usage and cost are told as reasons where they are far apart, and decide nothing.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence

import msgspec

from conversation_store.records import Figures, LegBody, Reason
from conversation_store.states import Verdict
from shadow.normalise import normalise, normalise_value
from shadow.thresholds import SIMILAR_AT

LONGEST_TEXT = 64 * 1024
"""Characters of each text that similarity is taken over: its time grows with their product."""

FAR_APART = 2.0
"""Times the other's; from here on time and cost are told."""

_FENCE = re.compile(
    r"^ {0,3}(?:```+|~~~+)[ \t]*([\w+#.-]*)[^\n]*\n(.*?)(?:^ {0,3}(?:```+|~~~+)|\Z)",
    re.MULTILINE | re.DOTALL,
)
_BINARY = re.compile(r"^(?:Binary files |GIT binary patch)", re.MULTILINE)
_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+\S", re.MULTILINE)
_MATTERS = frozenset(("text_differs", "code_differs", "files_differ", "content_differs"))


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """One side: `roots` are the folders that it worked in."""

    figures: Figures
    body: LegBody
    roots: list[str] = []


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict; `similarity` (0 to 1) is None if a leg failed."""

    verdict: Verdict
    similarity: float | None
    reasons: list[Reason]


def compare(primary: Leg, mirror: Leg, *, similar_at: float = SIMILAR_AT) -> Outcome:
    """Compare two legs; see the module."""
    if (failure := _failure(primary.figures, mirror.figures)) is not None:
        return failure
    ours, theirs = (normalise(leg.body.output, leg.roots) for leg in (primary, mirror))
    likeness = similarity(ours, theirs)
    reasons = [
        *_text_reasons(ours, theirs, likeness, similar_at),
        *_code_reasons(ours, theirs, similar_at),
        *_tool_reasons(primary, mirror),
        *_file_reasons(primary, mirror, similar_at),
    ]
    codes = {reason.code for reason in reasons}
    if not codes:
        verdict = Verdict.MATCH
    elif codes & _MATTERS:
        verdict = Verdict.MISMATCH
    else:
        verdict = Verdict.EQUIVALENT
    reasons += _figure_reasons(primary.figures, mirror.figures)
    return Outcome(verdict=verdict, similarity=round(likeness, 4), reasons=reasons)


def similarity(ours: str, theirs: str) -> float:
    """From 0 to 1: the share of characters in common, in order or with the words sorted."""
    from rapidfuzz import fuzz  # 20 ms that only who compares should wait for

    if ours == theirs:
        return 1.0
    ours, theirs = ours[:LONGEST_TEXT], theirs[:LONGEST_TEXT]
    return max(fuzz.ratio(ours, theirs), fuzz.token_sort_ratio(ours, theirs)) / 100


def code_blocks(text: str) -> list[tuple[str, str]]:
    """Language and content of every fenced block."""
    return [(language.lower(), code.strip()) for language, code in _FENCE.findall(text)]


def _failure(primary: Figures, mirror: Figures) -> Outcome | None:
    failed = [(w, f) for w, f in (("primary", primary), ("mirror", mirror)) if not f.success]
    if not failed:
        return None
    verdict = Verdict.BOTH_FAILED if len(failed) == 2 else Verdict(f"{failed[0][0]}_failed")
    reasons = [
        Reason(code=f"{who}_failed", text=f"the {who} leg failed: {figures.code or 'unknown'}")
        for who, figures in failed
    ]
    return Outcome(verdict=verdict, similarity=None, reasons=reasons)


def _text_reasons(ours: str, theirs: str, likeness: float, similar_at: float) -> list[Reason]:
    if ours == theirs:
        return []
    percent = f"the answers are {100 * likeness:.1f} % alike"
    if likeness < similar_at:
        return [Reason(code="text_differs", text=f"{percent}, under {100 * similar_at:g} %")]
    reasons = [Reason(code="wording_differs", text=percent)]
    items = [len(_ITEM.findall(text)) for text in (ours, theirs)]
    if items[0] != items[1]:
        said = f"{items[0]} list items against {items[1]}"
        reasons.append(Reason(code="lists_differ", text=said))
    return reasons


def _code_reasons(ours: str, theirs: str, similar_at: float) -> list[Reason]:
    first, second = code_blocks(ours), code_blocks(theirs)
    if first == second:
        return []
    languages = [[language for language, _ in blocks] for blocks in (first, second)]
    if languages[0] != languages[1]:
        said = f"code blocks: {_listed(languages[0])} against {_listed(languages[1])}"
        return [Reason(code="code_differs", text=said)]
    alike = [similarity(a, b) for (_, a), (_, b) in zip(first, second, strict=True)]
    said = f"a code block is {100 * min(alike):.1f} % alike"
    return [Reason(code="code_differs" if min(alike) < similar_at else "code_reworded", text=said)]


def _tool_reasons(primary: Leg, mirror: Leg) -> list[Reason]:
    first, second = (_calls(leg) for leg in (primary, mirror))
    if first == second:
        return []
    only = [sorted({name for name, _ in (a - b)}) for a, b in ((first, second), (second, first))]
    said = f"only the primary: {_listed(only[0])}; only the mirror: {_listed(only[1])}"
    return [Reason(code="tools_differ", text=said)]


def _calls(leg: Leg) -> Counter[tuple[str, str]]:
    return Counter(
        (call.name, json.dumps(normalise_value(call.input, leg.roots), sort_keys=True))
        for call in leg.body.tool_calls
    )


def _file_reasons(primary: Leg, mirror: Leg, similar_at: float) -> list[Reason]:
    if primary.body.files is None or mirror.body.files is None:
        return []
    first, second = (
        {file.path: file for file in leg.body.files or []} for leg in (primary, mirror)
    )
    changes = [{path: file.change for path, file in files.items()} for files in (first, second)]
    if changes[0] != changes[1]:
        only = [sorted(a.items() - b.items()) for a, b in (changes, changes[::-1])]
        words = [_listed([f"{path} {change}" for path, change in some]) for some in only]
        said = f"only the primary: {words[0]}; only the mirror: {words[1]}"
        return [Reason(code="files_differ", text=said)]
    other = sorted(path for path in first if first[path].content != second[path].content)
    if not other:
        return []
    alike = _least_alike(other, primary, mirror)
    said = f"other content in {_listed(other)}; the diffs are {100 * alike:.1f} % alike"
    code = "content_differs" if alike < similar_at else "content_reworded"
    return [Reason(code=code, text=said)]


def _least_alike(paths: list[str], primary: Leg, mirror: Leg) -> float:
    """How alike the diffs of that file are which differs most, as far as they are kept."""
    first, second = _diff_by_file(primary), _diff_by_file(mirror)
    found = []
    for path in paths:
        header = f"a/{path} b/{path}"
        if header not in first or header not in second:
            continue
        pair = first[header], second[header]
        binary = any(_BINARY.search(diff) for diff in pair)
        texts = normalise(pair[0], primary.roots), normalise(pair[1], mirror.roots)
        found.append(0.0 if binary else similarity(*texts))
    if found:
        return min(found)
    whole = [normalise(leg.body.diff or "", leg.roots) for leg in (primary, mirror)]
    return similarity(whole[0], whole[1])


def _diff_by_file(leg: Leg) -> dict[str, str]:
    """Each file's part of the diff by what follows `diff --git`."""
    parts = re.split(r"^diff --git ", leg.body.diff or "", flags=re.MULTILINE)[1:]
    return {part.partition("\n")[0]: part for part in parts}


def _figure_reasons(primary: Figures, mirror: Figures) -> list[Reason]:
    reasons: list[Reason] = []
    for code, what, ours, theirs in (
        ("time_differs", "time", primary.duration_ms, mirror.duration_ms),
        ("cost_differs", "cost", primary.cost_usd, mirror.cost_usd),
    ):
        if ours and theirs and max(ours, theirs) / min(ours, theirs) >= FAR_APART:
            said = f"the mirror took {theirs / ours:.2g} times the primary's {what}"
            reasons.append(Reason(code=code, text=said))
    for who, figures in (("primary", primary), ("mirror", mirror)):
        if figures.corrupt is not None:
            said = f"the {who} leg's output is damaged: {figures.corrupt}"
            reasons.append(Reason(code=f"{who}_corrupt", text=said))
    return reasons


def _listed(words: Sequence[str], most: int = 5) -> str:
    shown = ", ".join(word or "plain" for word in words[:most]) or "none"
    return shown if len(words) <= most else f"{shown} and {len(words) - most} more"
