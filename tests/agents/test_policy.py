"""Which calls are answered without asking: presets, rules, and what must not slip past them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_runner.agents.permissions import (
    LONGEST_PATTERN,
    MOST_RULES,
    Action,
    Permissions,
    Preset,
    Rule,
)
from agent_runner.agents.policy import LONGEST_VALUE, MOST_CALLS, decide
from agent_runner.agents.tool_calls import QUESTION_TOOLS, READING_TOOLS, calls_in

FIXTURES = Path(__file__).parents[2] / "fixtures"
PRESETS: tuple[Preset, ...] = get_args(Preset)
STRICT: tuple[Action, ...] = ("deny", "ask")


def ruled(
    action: Action, tool: str = "Bash", preset: Preset = "ask", **patterns: str
) -> Permissions:
    """One rule."""
    return Permissions(preset=preset, rules=[Rule(tool=tool, input=patterns, action=action)])


def argument(action: Action, name: str, pattern: str) -> Permissions:
    """One rule for every tool, on one argument."""
    return Permissions(rules=[Rule(tool="*", input={name: pattern}, action=action)])


def run(permissions: Preset | Permissions, command: Any) -> str:
    return decide(permissions, "Bash", "execute", {"command": command}).action


# --- presets ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "reads", "runs", "asks"),
    [
        ("ask", "ask", "ask", "ask"),
        ("allow", "allow", "allow", "ask"),
        ("full", "allow", "allow", "ask"),
        ("deny", "deny", "deny", "deny"),
        ("readonly", "allow", "deny", "deny"),
    ],
)
def test_a_preset(preset: Preset, reads: str, runs: str, asks: str) -> None:
    for tool in READING_TOOLS:
        assert decide(preset, tool, None, {"file_path": "/a"}).action == reads
    for tool in ("Bash", "Execute", "run_shell_command", "Write", "WebFetch", "mcp__x__read", ""):
        assert decide(preset, tool, None, {}).action == runs
    for tool in QUESTION_TOOLS:
        assert decide(preset, tool, None, {}).action == asks
        assert decide(Permissions(preset=preset), tool, None, {}).rule.startswith("preset ")


@pytest.mark.parametrize(
    ("tool", "kind", "action"),
    [
        ("read_file", "read", "allow"),
        ("anything", "search", "allow"),
        ("Read", "other", "deny"),
        ("save_memory", "think", "deny"),
        ("web_fetch", "fetch", "deny"),
        ("Bash", "read", "deny"),
        ("x", "execute", "deny"),
        ("x", "edit", "deny"),
        ("x", "switch_mode", "deny"),
        ("x", None, "deny"),
        ("read", None, "deny"),
    ],
)
def test_readonly_believes_name_and_kind_together(tool: str, kind: str | None, action: str) -> None:
    assert decide("readonly", tool, kind, {}).action == action


def test_the_reading_tools_are_those_that_the_recorded_clis_have() -> None:
    """Reading is what their tools of these names do; each CLI has some."""
    text = "".join(path.read_text() for path in FIXTURES.glob("*/*/*/stdout.jsonl"))
    for tool in ("Read", "read_file", "LS", "Grep", "Glob"):
        assert f'"{tool}"' in text
        assert tool in READING_TOOLS
    for tool in ("AskUserQuestion", "ExitPlanMode", "AskUser", "ExitSpecMode"):
        assert f'"{tool}"' in text
        assert tool in QUESTION_TOOLS


# --- rules -----------------------------------------------------------------------------------


def test_the_first_rule_that_applies_decides() -> None:
    rules = [
        Rule(tool="Bash", input={"command": "git push*"}, action="ask"),
        Rule(tool="Bash", input={"command": "git *"}, action="allow"),
        Rule(tool="mcp__*", action="deny"),
        Rule(tool="Write", input={"path": "/work/*", "content": "x*"}, action="allow"),
    ]
    permissions = Permissions(preset="deny", rules=rules)
    assert run(permissions, "git push origin") == "ask"
    assert run(permissions, "git status") == "allow"
    assert run(permissions, "ls") == "deny"
    assert decide(permissions, "mcp__db__drop", None, {}).rule == "rule 3: deny mcp__*"
    both = {"file_path": "/work/a", "content": "xy"}
    assert decide(permissions, "Write", "edit", both).rule == (
        "rule 4: allow Write path=/work/* content=x*"
    )
    for missing in ({"file_path": "/work/a"}, {"content": "xy"}, {**both, "file_path": "/a"}):
        assert decide(permissions, "Write", "edit", missing).action == "deny"


def test_names_and_patterns_are_by_case_and_whole() -> None:
    allow = ruled("allow", "mcp__[ab]?", x="a.b")
    assert decide(allow, "mcp__a1", None, {"x": "a.b"}).action == "allow"
    for tool, value in (("mcp__c1", "a.b"), ("MCP__a1", "a.b"), ("mcp__a1", "axb")):
        assert decide(allow, tool, None, {"x": value}).action == "ask"
    assert decide(allow, "mcp__a1", None, {"x": "a.b\n"}).action == "ask"


def test_a_question_is_answered_by_no_allow_rule() -> None:
    for tool in QUESTION_TOOLS:
        assert decide(ruled("allow", "*", "full"), tool, None, {}).action == "ask"
        assert decide(ruled("allow", tool, "deny"), tool, None, {}).action == "deny"
        assert decide(ruled("deny", tool, "full"), tool, None, {}).action == "deny"


@pytest.mark.parametrize(
    "command",
    [
        "git status; id",
        "git status;id",
        "git status && id",
        "git status & id",
        "git status | sh",
        "git status || id",
        "git status `id`",
        "git status $(id)",
        "git status <(id)",
        "git status >(id)",
        "git status > ~/.bashrc",
        "git status 2>&1",
        "git status\nid",
        "git status\rid",
        'git status "$(id)"',
        "git status ${x:-$(id)}",
        "git status =(id)",
        "git status ../../etc",
        "git status --git-dir=../x",
        "git -C.. status",
        "git status .'.'/x",
        "git status .\\./x",
        "git status .?/x",
        "git status a/.*/x",
        "git status .[.]/x",
        "git status --git-dir=.{.,x}/x",
        "git status {.,x}./x",
        "git status {x,.}./x",
        "git status .'{.,x}'/x",
        "git status $'\\x2e\\x2e'/x",
    ],
)
def test_an_allowed_command_cannot_bring_another(command: str) -> None:
    for pattern in ("git *", "*git*", "git [-s]*", "git ????????*", "**"):
        for name, key, tool in (
            ("command", "command", "Bash"),
            ("command", "cmd", "mcp__shell__run"),
            ("cmd", "cmd", "mcp__shell__run"),
            ("command", "title", "run_shell_command"),
            ("anything", "anything", "Execute"),
        ):
            allow = ruled("allow", tool, "deny", **{name: pattern})
            assert decide(allow, tool, None, {key: command}).action == "deny"
    assert run(ruled("allow", preset="deny", command="*"), command) == "allow"
    if not set(command) & set("*?["):
        assert run(ruled("allow", preset="deny", command=command), command) == "allow"


@pytest.mark.parametrize(
    "command",
    [
        "git status",
        "git log main..topic",
        'git show "a b" {x,y}',
        "git add a/*.{py,ts} b.? {.a,.b}",
    ],
)
def test_a_single_command_is_allowed(command: str) -> None:
    assert run(ruled("allow", command="git *"), command) == "allow"
    assert run(ruled("allow", command="git *"), command.split(" ")) == "allow"


@pytest.mark.parametrize(
    "command",
    [
        "rm -rf /",
        "  rm  -rf   /",
        "true; rm -rf /",
        "true && rm -rf /",
        "true | rm -rf /",
        "true &rm -rf /",
        "echo `rm -rf /`",
        'echo "$(rm -rf /)"',
        "cat <(rm -rf /)",
        "(rm -rf /)",
        "{ rm -rf /; }",
        "true\nrm -rf /",
        "if true; then rm -rf /; fi",
        "sudo rm -rf /",
        "sudo -n rm -rf /",
        "A=1 B='x' rm -rf /",
        "/bin/rm -rf /",
        "\\rm -rf /",
        "r'm' -rf /",
        ["rm", "-rf", "/"],
        {"program": "rm -rf /"},
    ],
)
def test_a_strict_rule_finds_its_command_among_others(command: Any) -> None:
    for action in STRICT:
        assert run(ruled(action, preset="full", command="rm *"), command) == action
    acp = {"title": command} if isinstance(command, str) else {"cmd": command}
    deny = ruled("deny", "run_*", "full", command="rm *")
    assert decide(deny, "run_shell_command", None, acp).action == "deny"


def test_paths_have_one_name_for_every_cli() -> None:
    calls: list[dict[str, Any]] = [
        {"file_path": "/work/.env"},
        {"notebook_path": "/work/.env"},
        {"paths": ["/work/a", "/work/.env"]},
        {"paths": ["/work/a"], "diffs": [{"path": "/work/.env", "oldText": ""}]},
        {"input": "*** Begin Patch\n*** Update File: /work/.env\n@@\n"},
        {"path": "/work/x/../.env"},
        {"path": "/work/./.env"},
    ]
    for given_input in calls:
        deny = ruled("deny", "*", "full", path="/work/.env")
        assert decide(deny, "Edit", "edit", given_input).action == "deny"
        allow = ruled("allow", "*", "deny", path="/work/a*")
        assert decide(allow, "Edit", "edit", given_input).action == "deny"
    every = {"paths": ["/work/a", "/work/b"]}
    assert decide(ruled("allow", "*", path="/work/*"), "Edit", "edit", every).action == "allow"


@pytest.mark.parametrize(
    "path",
    ["/work/../etc/passwd", "/work/..", "/work/a/../../b", "/work/..\\b", "/work/%2e%2E/b",
     "/work/.%2e/b", "/work/..%2fb"],
)  # fmt: skip
def test_an_allowed_folder_is_not_left_upwards(path: str) -> None:
    for name in ("path", "file_path"):
        allow = ruled("allow", "Read", "deny", **{name: "/work/*"})
        assert decide(allow, "Read", "read", {"file_path": path}).action == "deny"
        assert decide(allow, "Read", "read", {"file_path": "/work/a..b/...c"}).action == "allow"
    assert decide(ruled("allow", "Read", path=path), "Read", "read", {"path": path}).action == (
        "allow"
    )


def test_values_that_are_no_text() -> None:
    given_input = {"n": 5, "yes": True, "none": None, "empty": [], "many": ["a", {"b": "c"}]}
    for name, pattern in (("n", "5"), ("yes", "true"), ("none", "null"), ("many", "[ac]")):
        permissions = argument("allow", name, pattern)
        assert decide(permissions, "T", None, given_input).action == "allow"
    assert decide(argument("deny", "many", "c"), "T", None, given_input).action == "deny"
    assert decide(argument("allow", "many", "c"), "T", None, given_input).action == "ask"
    for name in ("empty", "absent"):
        for action in ("allow", "deny"):
            assert decide(argument(action, name, "*"), "T", None, given_input).action == "ask"


# --- several calls in one question -----------------------------------------------------------


def several(*calls: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return {"toolUses": [{"name": name, "input": given} for name, given in calls]}


def test_the_strictest_of_several_calls_counts() -> None:
    permissions = ruled("allow", "Execute", command="git *")
    good, other = ("Execute", {"command": "git log"}), ("Execute", {"command": "rm x"})
    assert decide(permissions, "Execute", "execute", several(good, good)).action == "allow"
    assert decide(permissions, "Execute", "execute", several(good, other)).action == "ask"
    deny = Permissions(preset="deny", rules=permissions.rules)
    assert decide(deny, "Execute", "execute", several(good, other)).action == "deny"
    mixed = several(("Read", {}), ("Create", {}))
    assert decide("readonly", "Read", "read", mixed).action == "deny"
    assert decide("readonly", "Read", "read", several(("Read", {}), ("LS", {}))).action == "allow"


def test_no_tool_can_pass_for_several_others() -> None:
    """An MCP tool whose own argument is called toolUses is ruled on by its own name."""
    inputs: list[dict[str, Any]] = [
        several(("Read", {}), ("Read", {})),
        {**several(("evil", {})), "really": "rm"},
        {"toolUses": [{"name": "evil", "input": {}, "more": 1}]},
        {"toolUses": []},
        {"toolUses": [{"name": "evil", "input": {}}, "Read"]},
    ]
    for forged in inputs:
        assert calls_in("evil", forged) == [("evil", forged)]
        assert decide("readonly", "evil", None, forged).action == "deny"
        assert decide(ruled("deny", "evil", "full"), "evil", None, forged).action == "deny"


def test_very_many_calls_are_not_looked_at() -> None:
    many = several(*[("Read", {})] * (MOST_CALLS + 1))
    assert decide("full", "Read", None, many).action == "ask"
    assert decide("readonly", "Read", None, many).action == "deny"


# --- bounds ----------------------------------------------------------------------------------


def test_what_is_too_long_to_compare_is_not_allowed_unasked() -> None:
    longer = "a" * (LONGEST_VALUE + 1)
    parts = ";a" * 5000
    texts = {"x": ["a"] * 5000}
    for preset in PRESETS:
        expected = "deny" if preset in ("deny", "readonly") else "ask"
        for action in STRICT:
            rule = ruled(action, preset=preset, command="rm *")
            assert run(rule, longer) == expected
            assert run(rule, parts) == expected
            rule = ruled(action, preset=preset, x="b")
            assert decide(rule, "Bash", None, texts).action == expected
    assert run(ruled("deny", preset="full", command="rm *"), ["rm", longer]) == "ask"
    assert decide(
        ruled("deny", preset="full", x="b"), "Bash", None, {"x": [longer, "b"]}
    ).action == ("deny")
    assert run(ruled("allow", preset="deny", command="a*"), longer) == "deny"
    assert run(ruled("allow", preset="deny", command="*"), longer) == "allow"
    assert run(ruled("deny", preset="full", command="*"), longer) == "deny"
    assert decide(ruled("deny", "a*", "full"), longer, None, {}).action == "ask"
    assert run(ruled("deny", "Write", "full", command="rm *"), longer) == "allow"


def test_no_glob_takes_long() -> None:
    """Each would take years if its stars were tried in every place."""
    value = "a" * 10_000
    stars = "*a" * 100 + "*b"
    patterns = [stars, stars[::-1], "*" * LONGEST_PATTERN, "*?" * 100 + "b", "*[a]" * 50 + "b"]
    patterns += ["?*" * 100 + "b", "*aa*" * 60 + "b"]
    for pattern in patterns:
        for action in ("allow", "deny"):
            rules = [Rule(tool="*", input={"command": pattern}, action=action)] * MOST_RULES
            decide(Permissions(rules=rules), "Bash", None, {"command": value})


# --- properties ------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["command", "path", "toolUses", "name", "input", "x"]), inner
        )
    ),
    max_leaves=10,
)
INPUTS = st.dictionaries(
    st.sampled_from(["command", "cmd", "title", "path", "diffs", "patch", "toolUses", "x"]), JSON
)
PATTERNS = st.text("ab*?[]!-^&~|.\\ ;$(/", min_size=1, max_size=8) | st.text(min_size=1, max_size=8)
TOOLS = st.sampled_from(["Bash", "Read", "AskUser", "mcp__a", "x", ""]) | st.text(max_size=4)
KINDS = (
    st.none() | st.sampled_from(["read", "execute", "edit", "switch_mode"]) | st.text(max_size=3)
)
RULES = st.builds(
    lambda tool, patterns, action: Rule(tool=tool, input=patterns, action=action),
    st.just("*") | PATTERNS,
    st.dictionaries(st.sampled_from(["command", "path", "x"]), PATTERNS, max_size=2),
    st.sampled_from(["allow", "deny", "ask"]),
)


@given(st.sampled_from(PRESETS), st.lists(RULES, max_size=4), TOOLS, KINDS, INPUTS)
def test_there_is_always_a_ruling(
    preset: Preset, rules: list[Rule], tool: str, kind: str | None, given_input: dict[str, Any]
) -> None:
    ruling = decide(Permissions(preset=preset, rules=rules), tool, kind, given_input)
    assert ruling.action in get_args(Action)
    assert 0 < len(ruling.rule) < 400
    allowing = preset in ("allow", "full", "readonly") or any(r.action == "allow" for r in rules)
    assert allowing or ruling.action != "allow"
    first_denies = Rule(tool="*", action="deny")
    denied = decide(
        Permissions(preset=preset, rules=[first_denies, *rules]), tool, kind, given_input
    )
    assert denied.action == "deny"
    if tool in QUESTION_TOOLS or kind == "switch_mode":
        assert ruling.action != "allow"


WORDS = st.text("abc .-/='\"", max_size=6)
JOINERS = st.sampled_from([";", "&", "|", "`", "$(", "<(", "\n", ">", "&&", "/../", " .. "])


@settings(max_examples=300)
@given(WORDS, JOINERS, WORDS, st.text("abc *?[]", min_size=1, max_size=6))
def test_no_wildcard_allows_a_joined_command(
    before: str, joiner: str, after: str, pattern: str
) -> None:
    command = before + joiner + after
    if pattern != "*" and set(pattern) & set("*?["):
        assert run(ruled("allow", preset="deny", command=pattern), command) == "deny"


@given(st.text(max_size=10), st.text("ab.;/ ", min_size=1, max_size=10))
def test_a_pattern_without_wildcards_is_the_value_itself(value: str, pattern: str) -> None:
    for text in (value, pattern):
        expected = "allow" if text == pattern else "deny"
        assert run(ruled("allow", preset="deny", command=pattern), text) == expected


@pytest.mark.parametrize(
    "command",
    [
        "cd x && rm $(cat list)",
        "cd x && rm `cat list`",
        "cd x && rm ${F}",
        "cd x && rm {a,b}",
        "true; rm <(x)",
        "ls | xargs -I{} rm {}",
        "ls | xargs -n 1 rm -f",
        "true; sudo -u bob rm x",
        "env -u A rm x",
        "true; timeout 5 rm x",
        "true; nice rm x",
    ],
)
def test_a_denied_program_is_found_with_whatever_it_is_given(command: str) -> None:
    rule = Rule(tool="Bash", input={"command": "rm *"}, action="deny")
    permissions = Permissions(preset="allow", rules=[rule])
    assert decide(permissions, "Bash", None, {"command": command}).action == "deny"


@pytest.mark.parametrize("path", ["//etc/passwd", "//x/../etc/passwd", "///etc/passwd"])
def test_a_path_has_one_slash_at_its_beginning(path: str) -> None:
    rule = Rule(tool="*", input={"path": "/etc/*"}, action="deny")
    permissions = Permissions(preset="allow", rules=[rule])
    assert decide(permissions, "Read", None, {"file_path": path}).action == "deny"
