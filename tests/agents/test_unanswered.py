"""A success in which nothing was answered, by CLI and form; and what looks like it and is none."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from agent_runner.agents.base import Form
from agent_runner.agents.unanswered import hook_words
from tests.agents.sessions import Driver, delivered, hook

Message = dict[str, Any]
HOOK = "UserPromptSubmit operation blocked by hook:\nno secrets, please"


class Way(NamedTuple):
    """How a session begins and how a turn of it looks; `None` is what the CLI does not have."""

    type: str
    form: Form
    begin: list[Message]
    thought: list[Message]
    tool: list[Message]
    says: Callable[[str], list[Message]]
    ends: Callable[[str], list[Message]]
    hook: list[Message] | None = None
    options: Mapping[str, Any] = MappingProxyType({})


# --- Claude Code ---------------------------------------------------------------------------


def claude_block(**block: Any) -> list[Message]:
    message = {"id": "m1", "role": "assistant", "model": "m", "content": [block]}
    return [{"type": "assistant", "message": message, "parent_tool_use_id": None}]


def claude_says(text: str) -> list[Message]:
    return claude_block(type="text", text=text)


def claude_ends(text: str, **fields: Any) -> list[Message]:
    end = {"type": "result", "subtype": "success", "is_error": False, "result": text}
    return [{**end, "num_turns": 0, "usage": {"output_tokens": 0}, **fields}]


CLAUDE_TOOL = [
    *claude_block(type="tool_use", id="t1", name="Bash", input={}),
    {
        "type": "user",
        "message": {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t1", "content": ""}],
        },
    },
]
CLAUDE_INIT = [{"type": "system", "subtype": "init", "session_id": "s1", "model": "m"}]
CLAUDE_HOOK = [
    {
        "type": "system",
        "subtype": "informational",
        "level": "warning",
        "content": f"{HOOK}\n\nOriginal prompt: hello",
        "prevent_continuation": True,
    }
]
CLAUDE_THOUGHT = claude_block(type="thinking", thinking="hm")


# --- Factory Droid -------------------------------------------------------------------------


def note(**fields: Any) -> Message:
    params = {"notification": fields}
    return {"jsonrpc": "2.0", "method": "droid.session_notification", "params": params}


def droid_rpc_says(text: str) -> list[Message]:
    message = {"role": "assistant", "id": "m1", "content": [{"type": "text", "text": text}]}
    return [note(type="create_message", message=message)]


DROID_OPEN = [{"jsonrpc": "2.0", "id": "1", "result": {"sessionId": "s1"}}]
DROID_THOUGHT = {
    "role": "assistant",
    "id": "m2",
    "content": [{"type": "thinking", "thinking": "h"}],
}
DROID_TOOL = [
    note(type="tool_call", toolUse={"id": "t1", "name": "Execute", "input": {}}),
    note(type="tool_result", toolUseId="t1", content="", isError=False),
]

# --- Gemini and ACP ------------------------------------------------------------------------


def update(kind: str, /, **fields: Any) -> Message:
    params = {"sessionId": "s1", "update": {"sessionUpdate": kind, **fields}}
    return {"jsonrpc": "2.0", "method": "session/update", "params": params}


def chunk(kind: str, text: str) -> Message:
    return update(kind, content={"type": "text", "text": text})


ACP_OPEN = [
    {"jsonrpc": "2.0", "id": 1, "result": {"protocolVersion": 1}},
    {"jsonrpc": "2.0", "id": 2, "result": {"sessionId": "s1"}},
]
ACP_TOOL = [update("tool_call", toolCallId="t1", title="ls", kind="execute", status="completed")]
ACP_END = [{"jsonrpc": "2.0", "id": 3, "result": {"stopReason": "end_turn"}}]


def acp(type_: str, **options: Any) -> Way:
    return Way(
        type_,
        Form.WARM,
        ACP_OPEN,
        [chunk("agent_thought_chunk", "hm")],
        ACP_TOOL,
        lambda text: [chunk("agent_message_chunk", text)],
        lambda text: ACP_END,
        None,
        options,
    )


# --- terminals -----------------------------------------------------------------------------


def line(**entry: Any) -> Message:
    return {"type": "line", "line": entry}


def claude_entry(*blocks: Message) -> Message:
    message = {"id": "m1", "role": "assistant", "model": "m", "content": list(blocks)}
    return line(type="assistant", message=message)


def droid_entry(*blocks: Message) -> Message:
    return line(type="message", id="m", message={"role": "assistant", "content": list(blocks)})


CLAUDE_UI_TOOL = [
    claude_entry({"type": "tool_use", "id": "t1", "name": "Bash", "input": {}}),
    line(type="user", message=CLAUDE_TOOL[1]["message"]),
]
DROID_UI_TOOL = [
    droid_entry({"type": "tool_use", "id": "t1", "name": "Execute", "input": {}}),
    line(
        type="message",
        id="u",
        message={
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t1", "content": ""}],
        },
    ),
]


def claude_way(form: Form, type_: str = "claude-code", **options: Any) -> Way:
    return Way(
        type_,
        form,
        CLAUDE_INIT,
        CLAUDE_THOUGHT,
        CLAUDE_TOOL,
        claude_says,
        claude_ends,
        CLAUDE_HOOK,
        options,
    )


SETTLED = {"type": "settled", "screen": ""}
WAYS = {
    "claude-once": claude_way(Form.ONE_SHOT),
    "claude-warm": claude_way(Form.WARM),
    "custom-claude-once": claude_way(
        Form.ONE_SHOT, "custom", command=["prog"], dialect="claude-code"
    ),
    "claude-terminal": Way(
        "claude-code",
        Form.TERMINAL,
        [hook("UserPromptSubmit", prompt="hello"), delivered(1)],
        [claude_entry({"type": "thinking", "thinking": "hm"})],
        CLAUDE_UI_TOOL,
        lambda text: [claude_entry({"type": "text", "text": text})],
        lambda text: [hook("Stop", last_assistant_message=text), SETTLED],
        [line(type="system", subtype="informational", level="warning", content=HOOK)],
    ),
    "droid-once": Way(
        "factory-droid",
        Form.ONE_SHOT,
        [{"type": "system", "subtype": "init", "session_id": "s1"}],
        [{"type": "reasoning", "text": "hm"}],
        [
            {"type": "tool_call", "id": "t1", "toolName": "Execute"},
            {"type": "tool_result", "id": "t1", "value": ""},
        ],
        lambda text: [{"type": "message", "role": "assistant", "text": text}],
        lambda text: [{"type": "completion", "finalText": text}],
        [{"type": "error", "source": "cli", "message": HOOK}],
    ),
    "droid-warm": Way(
        "factory-droid",
        Form.WARM,
        DROID_OPEN,
        [note(type="create_message", message=DROID_THOUGHT)],
        DROID_TOOL,
        droid_rpc_says,
        lambda text: [note(type="agent_turn_completed", reason="completed")],
    ),
    "droid-terminal": Way(
        "factory-droid",
        Form.TERMINAL,
        [hook("UserPromptSubmit", session_id="s1"), delivered(1)],
        [droid_entry({"type": "thinking", "thinking": "hm"})],
        DROID_UI_TOOL,
        lambda text: [droid_entry({"type": "text", "text": text})],
        lambda text: [line(type="agent_turn_outcome", reason="completed"), SETTLED],
    ),
    "gemini-once": Way(
        "gemini",
        Form.ONE_SHOT,
        [{"type": "init", "session_id": "s1", "model": "m"}],
        [],
        [
            {"type": "tool_use", "tool_name": "ls", "tool_id": "t1"},
            {"type": "tool_result", "tool_id": "t1", "status": "success"},
        ],
        lambda text: [{"type": "message", "role": "assistant", "content": text, "delta": True}],
        lambda text: [{"type": "result", "status": "success", "stats": {"output_tokens": 0}}],
        [{"type": "error", "severity": "warning", "message": f"Agent execution blocked: {HOOK}"}],
    ),
    "gemini-warm": acp("gemini"),
    "custom-acp-warm": acp("custom", command=["prog"], dialect="acp"),
    "gemini-terminal": Way(
        "gemini",
        Form.TERMINAL,
        [hook("BeforeAgent", session_id="s1"), delivered(1)],
        [line(type="gemini", id="g1", thoughts=[{"subject": "hm", "description": "hm"}])],
        [hook("BeforeTool", tool_name="ls", tool_input={})],
        lambda text: [line(type="gemini", id="g2", content=text)],
        lambda text: [hook("AfterAgent", prompt_response=text), SETTLED],
        [line(type="warning", content=HOOK)],
    ),
}
HOOKED = [name for name, way in WAYS.items() if way.hook is not None]


def verdict_of(way: Way, *messages: Message, prompt: str = "hello") -> Message:
    driver = Driver(way.type, way.form, **way.options)
    driver.prompt(prompt)
    events = driver.take(*way.begin, *messages)
    (verdict,) = [event for event in events if "ok" in event]
    return verdict


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("text", ["", " \n"])
def test_a_success_without_an_answer_is_none(name: str, text: str) -> None:
    way = WAYS[name]
    verdict = verdict_of(way, *way.ends(text))
    assert (verdict["ok"], verdict["code"]) == (False, "no_answer")
    assert verdict["error"] == "the CLI calls it a success, and nothing was answered"


@pytest.mark.parametrize("name", WAYS)
def test_an_empty_message_is_no_answer(name: str) -> None:
    way = WAYS[name]
    assert verdict_of(way, *way.says(""), *way.ends(""))["code"] == "no_answer"


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("what", ["thought", "tool", "text"])
def test_a_thought_a_tool_or_a_text_is_an_answer(what: str, name: str) -> None:
    way = WAYS[name]
    said = {"thought": way.thought, "tool": way.tool, "text": way.says("four")}[what]
    if said:
        assert verdict_of(way, *said, *way.ends("four" if what == "text" else ""))["ok"]


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("prompt", ["/compact", " /clear", "/my:command with words"])
def test_a_command_may_end_without_a_word(prompt: str, name: str) -> None:
    way = WAYS[name]
    assert verdict_of(way, *way.ends(""), prompt=prompt)["ok"]


@pytest.mark.parametrize("name", WAYS)
def test_what_could_not_be_read_may_have_been_the_answer(name: str) -> None:
    way = WAYS[name]
    driver = Driver(way.type, way.form, **way.options)
    driver.prompt()
    driver.take(*way.begin, '{"type": "brand_new", "method": "brand_new", "id": nothing')
    events = driver.take(*way.ends(""))
    assert [event["ok"] for event in events if "ok" in event] == [True]


@pytest.mark.parametrize("name", WAYS)
def test_a_notice_that_went_astray_is_no_answer(name: str) -> None:
    way = WAYS[name]
    driver = Driver(way.type, way.form, **way.options)
    driver.prompt()
    first, *more = way.ends("")
    begun = driver.take(*way.begin)
    events = driver.take("(node:42) Warning: old" + json.dumps(first), *more)
    assert [event["code"] for event in events if "ok" in event] == ["no_answer"], begun


@pytest.mark.parametrize("name", [name for name, way in WAYS.items() if way.form is Form.WARM])
def test_each_turn_is_judged_alone(name: str) -> None:
    way = WAYS[name]
    driver = Driver(way.type, way.form, **way.options)
    driver.prompt("/compact")
    events = driver.take(*way.begin, *way.ends(""))
    driver.prompt("hello")
    (end,) = way.ends("")
    if "id" in end:
        end = {**end, "id": end["id"] + 1}
    events += driver.take(*way.says("four"), end)
    driver.prompt("and now?")
    if "id" in end:
        end = {**end, "id": end["id"] + 1}
    events += driver.take(end)
    assert [event.get("code") for event in events if "ok" in event] == [None, None, "no_answer"]


@pytest.mark.parametrize("name", HOOKED)
def test_a_prompt_that_a_hook_refused(name: str) -> None:
    way = WAYS[name]
    assert way.hook is not None
    verdict = verdict_of(way, *way.hook, *way.ends(""))
    assert (verdict["ok"], verdict["code"]) == (False, "blocked_by_hook")
    assert verdict["error"].endswith(HOOK)


@pytest.mark.parametrize("name", HOOKED)
def test_a_hook_that_came_after_an_answer_changes_nothing(name: str) -> None:
    way = WAYS[name]
    assert way.hook is not None
    assert verdict_of(way, *way.says("four"), *way.hook, *way.ends("four"))["ok"]


def test_a_turn_of_the_terminal_that_a_hook_kept_from_beginning() -> None:
    way = WAYS["claude-terminal"]
    assert way.hook is not None
    verdict = verdict_of(way, *way.hook, {"type": "rested", "screen": ""})
    assert (verdict["code"], verdict["error"]) == ("blocked_by_hook", HOOK)


# --- Claude Code's own ways to say so --------------------------------------------------------

CLAUDE = WAYS["claude-warm"]


@pytest.mark.parametrize(
    "fields",
    [
        {"prevent_continuation": True},
        {"preventContinuation": True},
        {"prompt_submit_outcome": {"kind": "not_passed_on", "prompt_kept": False}},
    ],
)
def test_a_line_that_stops_the_turn_whatever_it_says(fields: Message) -> None:
    told = {"type": "system", "subtype": "informational", "content": "the worker is away"}
    verdict = verdict_of(CLAUDE, {**told, **fields}, *claude_ends(""))
    assert (verdict["code"], verdict["error"]) == ("blocked_by_hook", "the worker is away")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HOOK, HOOK),
        (f"{HOOK}\n\nOriginal prompt: hello", HOOK),
        ("UserPromptExpansion operation blocked by hook:\nno", None),
        ("Operation stopped by hook: enough", None),
        ("Operation stopped by hook", None),
        ("Prompt blocked: the UserPromptSubmit hooks did not run over the submitted text.", None),
    ],
)
def test_the_hooks_words_in_place_of_an_answer(text: str, words: str | None) -> None:
    verdict = verdict_of(CLAUDE, *claude_ends(text))
    assert (verdict["code"], verdict["error"]) == ("blocked_by_hook", words or text)
    assert verdict_of(CLAUDE, *claude_says(text), *claude_ends(text))["ok"]


def test_other_words_are_no_hooks() -> None:
    for text in ("the hook of the crane blocked the road", "a React hook", "blocked by a firewall"):
        assert hook_words(text) is None


def test_the_cli_own_placeholder_is_no_answer() -> None:
    message = {"id": "m1", "role": "assistant", "model": "<synthetic>"}
    said = {"type": "text", "text": "No response requested."}
    placeholder = {"type": "assistant", "message": {**message, "content": [said]}}
    verdict = verdict_of(CLAUDE, placeholder, *claude_ends("No response requested."))
    assert (verdict["code"], verdict.get("text")) == ("no_answer", None)
    real = claude_says("No response requested.")
    assert verdict_of(CLAUDE, *real, *claude_ends("No response requested."))["ok"]


def test_what_the_cli_says_of_a_command_is_a_success() -> None:
    assert verdict_of(CLAUDE, *claude_ends("Unknown command: /x"), prompt="/x")["ok"]
    assert verdict_of(CLAUDE, *claude_ends("", local_command="compact"))["ok"]
    assert verdict_of(CLAUDE, *claude_ends("", structured_output={"a": 1}))["ok"]


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("malformed_tool_use_exhausted", "gave_up"),
        ("rapid_refill_breaker", "gave_up"),
        ("tool_deferred_unavailable", "gave_up"),
        ("blocking_limit", "context_too_long"),
        ("prompt_too_long", "context_too_long"),
        ("image_error", "invalid_request"),
        ("model_error", "api_error"),
        ("api_error", "api_error"),
        ("budget_exhausted", "max_budget"),
        ("structured_output_retry_exhausted", "structured_output"),
        ("turn_setup_failed", "cli_error"),
        ("max_turns", "max_turns"),
        ("hook_stopped", "blocked_by_hook"),
        ("completed", None),
        ("tool_deferred", None),
        ("brand_new", None),
    ],
)
def test_how_the_cli_says_that_the_turn_broke_off(reason: str, code: str | None) -> None:
    end = claude_ends("", terminal_reason=reason)
    verdict = verdict_of(CLAUDE, *CLAUDE_TOOL, *end)
    assert (verdict["ok"], verdict.get("code")) == (code is None, code)
    assert (reason in verdict.get("error", "")) == (code is not None)


def test_a_stop_hook_after_the_answer_is_no_failure() -> None:
    for reason in ("stop_hook_prevented", "hook_stopped"):
        end = claude_ends("four", terminal_reason=reason)
        assert verdict_of(CLAUDE, *claude_says("four"), *end)["ok"]


def claude_itself(text: str, **fields: Any) -> Message:
    message = {"id": "m9", "model": "<synthetic>", "content": [{"type": "text", "text": text}]}
    return {"type": "assistant", "message": message, "parent_tool_use_id": None, **fields}


@pytest.mark.parametrize(
    ("text", "fields", "code"),
    [
        ("API Error: 500 nothing works", {"error": "server_error"}, "api_error"),
        ("API Error: 529 too much", {}, "overloaded"),
        ("Something broke", {"is_api_error_message": True}, "api_error"),
        ("Invalid API key · Please run /login", {}, "auth_required"),
        ("API Error: too long an answer", {"error": "max_output_tokens"}, "max_output"),
    ],
)
def test_an_api_error_that_is_called_a_success(text: str, fields: Message, code: str) -> None:
    error = claude_itself(text, **fields)
    for before in ([], claude_says("I shall look.")):
        verdict = verdict_of(CLAUDE, *before, error, *claude_ends(text))
        assert (verdict["ok"], verdict["code"], verdict["error"]) == (False, code, text)


def test_an_api_error_that_was_overcome_is_none() -> None:
    error = claude_itself("API Error: 529", error="overloaded")
    verdict = verdict_of(CLAUDE, error, *claude_says("hello"), *claude_ends("hello"))
    assert (verdict["ok"], verdict["text"]) == (True, "hello")
    helper = {**error, "parent_tool_use_id": "t1"}
    assert verdict_of(CLAUDE, *claude_says("hello"), helper, *claude_ends("hello"))["ok"]
    assert verdict_of(CLAUDE, *claude_says("API Error: 500"), *claude_ends("API Error: 500"))["ok"]


def test_the_placeholder_does_not_cover_the_answer_before_it() -> None:
    placeholder = claude_itself("No response requested.")
    end = claude_ends("No response requested.")
    verdict = verdict_of(CLAUDE, *claude_says("hello"), placeholder, *end)
    assert (verdict["ok"], verdict["text"]) == (True, "hello")


def test_a_path_is_no_command() -> None:
    for prompt in ("/home/me/a.py is what?", "/a.b/c", "//x"):
        assert verdict_of(CLAUDE, *claude_ends(""), prompt=prompt)["code"] == "no_answer"
    for prompt in ("/compact", " /plugin:do it", "/mcp__a__b\nx", "/x.y"):
        assert verdict_of(CLAUDE, *claude_ends(""), prompt=prompt)["ok"]
