"""Request bodies. They are strict: no unknown fields, no conversions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from starlette.requests import Request

from agent_runner.agents.permissions import (
    LONGEST_NAME,
    LONGEST_PATTERN,
    MOST_ARGUMENTS,
    MOST_RULES,
    Action,
    Preset,
)
from agent_runner.agents.registry import ADAPTERS
from agent_runner.errors import BadRequestError, TooLargeError
from agent_runner.routing.toggles import LONGEST_S
from fallback.plan import CommMode
from fallback.precedence import EVERYTHING

AgentId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Argument = Annotated[str, StringConstraints(max_length=4096, pattern=r"^[^\x00]*$")]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]

MOST = 2**62
"""The largest whole number that a parameter may be."""

LARGEST = 2**53
"""The largest amount; every JSON parser can hold it."""

DEEPEST = 64
"""Levels of objects and lists in a field."""


def _whole(value: Any) -> Any:
    """1.0 is an integer to JSON Schema, and so to those who go by /openapi.json."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


_Whole = BeforeValidator(_whole)
Duration = Annotated[int, Field(ge=1), _Whole]
YearAtMost = Annotated[int, Field(ge=1, le=round(LONGEST_S * 1000)), _Whole]
Amount = Annotated[int, Field(ge=0, le=LARGEST), _Whole]
Count = Annotated[int, Field(ge=1, le=LARGEST), _Whole]


class Body(BaseModel):
    """Base of requests: camelCase, strict, closed; its validator is built at the first use."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        defer_build=True,
        extra="forbid",
        strict=True,
        validate_by_name=False,
    )


class TimeoutsBody(Body):
    """Milliseconds in the place of the service's own; at most `supervision.longest`."""

    start_ms: Duration | None = None
    no_output_ms: Duration | None = None
    heartbeat_interval_ms: Duration | None = None
    heartbeat_grace_ms: Duration | None = None
    command_ms: Duration | None = None
    session_idle_ms: Duration | None = None
    session_lifetime_ms: Duration | None = None
    cancel_grace_ms: Duration | None = None

    def given(self) -> dict[str, int]:
        """Those that were given, by their name on the wire."""
        return self.model_dump(by_alias=True, exclude_none=True)


class ResourcesBody(Body):
    """Limits of one CLI and all it starts, in the place of the service's own; 0 is none."""

    memory_bytes: Amount | None = None
    cpu_s: Amount | None = None
    processes: Amount | None = None
    output_bytes: Amount | None = None


Pattern = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_PATTERN)]
ArgumentName = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME)]


class RuleBody(Body):
    """What becomes of the calls that `tool` and each pattern in `input` match."""

    tool: Pattern = Field(description="A glob for the tool's name.")
    input: Annotated[dict[ArgumentName, Pattern], Field(max_length=MOST_ARGUMENTS)] = Field(
        {}, description="A glob for each argument that counts, by its name."
    )
    action: Action


class PermissionsBody(Body):
    """The first rule that applies decides, and the preset where none does."""

    preset: Preset = "ask"
    rules: Annotated[list[RuleBody], Field(max_length=MOST_RULES)] = []


class TerminalBody(Body):
    """The UI of a custom command, which is read from its screen."""

    prompt: ShortText | None = Field(
        None, description="A regular expression for the last line of its screen when it waits."
    )
    interrupt: list[ShortText] | None = Field(
        None, description="The keys that end a turn, by tmux's names; C-c by default."
    )
    submit: list[ShortText] | None = Field(
        None, description="The keys that submit a prompt; Enter by default."
    )
    clear: list[ShortText] | None = Field(
        None, description="The keys that empty its line; C-u by default."
    )
    multiline: bool = Field(
        False, description="It takes a bracketed paste: a prompt may have several lines."
    )


def _form(value: Any) -> str:
    return "object" if isinstance(value, (dict, PermissionsBody)) else "word"


class OptionsBody(Body):
    """How an agent's CLI is to be run. Everything absent is the CLI's own default."""

    cwd: ShortText | None = Field(
        None,
        description="Working folder; your home by default.",
        json_schema_extra={"pattern": r"^[/~][^\u0000]*$"},
    )
    model: ShortText | None = None
    system_prompt: Annotated[str, StringConstraints(max_length=100_000)] | None = None
    mcp_servers: dict[ShortText, dict[str, Any]] | None = Field(
        None, description="MCP servers by name, each in the form of the `mcpServers` JSON."
    )
    allowed_tools: list[ShortText] | None = None
    denied_tools: list[ShortText] | None = None
    permission_mode: ShortText | None = Field(None, description="The CLI's own word.")
    permissions: (
        Annotated[
            Annotated[Preset, Tag("word")] | Annotated[PermissionsBody, Tag("object")],
            Discriminator(_form),
        ]
        | None
    ) = Field(None, description="Which permission questions a person is asked; all by default.")
    approval_expires_ms: Duration | None = Field(
        None, description="How long its approvals wait; `approvals.expires_ms` by default."
    )
    approval_deciders: list[ShortText] | None = Field(
        None, description="Who may decide on its approvals; everybody by default."
    )
    max_turns: Count | None = None
    extra_args: list[Argument] | None = Field(None, description="Further flags of the CLI.")
    env: dict[VariableName, Argument] | None = None
    command: list[Argument] | None = Field(None, description="Type custom: the program to run.")
    dialect: ShortText | None = Field(None, description="Type custom: how its output is read.")
    terminal: TerminalBody | None = Field(
        None, description="Type custom: it has a UI that can be driven in tmux; {} will often do."
    )
    transcript: ShortText | None = Field(None, description="Type replay: the recording to play.")
    timeouts: TimeoutsBody | None = None
    resources: ResourcesBody | None = None
    on_stall: Literal["cancel", "warn"] | None = Field(
        None, description="A CLI that is silent too long is ended, or only told of."
    )
    busy: Literal["queue", "reject"] | None = Field(
        None, description="What becomes of a prompt while a run is not over; queue by default."
    )


TAKEN_FROM_METADATA = (
    *("name", "description", "commMode", "cwd", "model", "systemPrompt", "permissionMode"),
    *("allowedTools", "deniedTools", "mcpServers", "maxTurns"),
)


class AboutBody(OptionsBody):
    """What is told about an agent, beside how its CLI is run."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None, description="What people call it."
    )
    description: Annotated[str, StringConstraints(max_length=4000)] | None = None
    metadata: dict[str, Any] | None = Field(None, description="Your own; kept and told as it is.")


class RegisterBody(AboutBody):
    """`POST /agents/register`.

    What `metadata` names and the request itself does not is taken from there.
    """

    agent_id: AgentId
    type: ShortText = Field(json_schema_extra={"enum": list(ADAPTERS)})
    comm_mode: ShortText = Field("headless", json_schema_extra={"enum": list(CommMode)})
    heartbeat_interval_ms: Duration | None = Field(
        None, description="The same as timeouts.heartbeatIntervalMs."
    )

    @model_validator(mode="before")
    @classmethod
    def _take_from_metadata(cls, data: Any) -> Any:
        metadata = data.get("metadata") if isinstance(data, dict) else None
        if not isinstance(metadata, dict):
            return data
        taken = {name: metadata[name] for name in TAKEN_FROM_METADATA if name in metadata}
        return {**taken, **data}


class PatchAgentBody(AboutBody):
    """`PATCH /agents/{agentId}`: what is given changes; null goes back to the default."""

    comm_mode: ShortText | None = Field(None, json_schema_extra={"enum": [*CommMode, None]})


class AttachmentBody(Body):
    """A file of a prompt: one that was uploaded, by its id, or its content in base64."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {
                    "required": ["attachmentId"],
                    "properties": {"attachmentId": {"type": "string"}, "data": {"type": "null"}},
                },
                {
                    "required": ["data"],
                    "properties": {"data": {"type": "string"}, "attachmentId": {"type": "null"}},
                },
            ]
        }
    )
    attachment_id: ShortText | None = None
    name: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None
    media_type: ShortText | None = Field(None, description="What it is said to be; it is checked.")
    data: str | None = Field(None, description="Its content in base64.")

    @model_validator(mode="after")
    def _is_one_of_both(self) -> AttachmentBody:
        if (self.attachment_id is None) == (self.data is None):
            raise ValueError("either attachmentId or data is needed")
        return self


class ExecuteBody(Body):
    """`POST /agents/{agentId}/execute`."""

    prompt: str = Field(
        description="What the agent is asked; sent to the CLI by stdin.",
        json_schema_extra={"pattern": r"^[^\u0000]*[^\s\u0000][^\u0000]*$"},
    )
    conversation_id: ShortText | None = Field(
        None, description="Continue this conversation; the agent's open one by default."
    )
    new_conversation: bool = Field(
        default=False, description="Begin another conversation; not with conversationId."
    )
    timeout_ms: Duration | None = Field(None, description="The same as timeouts.commandMs.")
    timeouts: TimeoutsBody | None = None
    busy: Literal["queue", "reject", "steer"] | None = Field(
        None,
        description="What becomes of the prompt if the agent is busy; the agent's own way by "
        "default. `steer` puts it into the running turn, or queues it where the CLI takes none.",
    )
    model: ShortText | None = Field(None, description="In the place of the agent's, this once.")
    permission_mode: ShortText | None = Field(
        None, description="In the place of the agent's, this once; the CLI's own word."
    )
    attachments: list[AttachmentBody] = Field([], description="Files that belong to the prompt.")
    mode: Literal["headless", "tmux", "shadow"] | None = Field(
        None, description="How the CLI is driven in this run, whatever else would decide it."
    )
    until: Literal["answer", "settled"] = Field(
        "answer",
        description="When to answer: at the run's end, or once the work that it left behind in "
        "the background is over too, with the runs in which the CLI told of it.",
    )
    metadata: dict[str, Any] = {}

    @model_validator(mode="after")
    def _has_one_conversation(self) -> ExecuteBody:
        if self.new_conversation and self.conversation_id is not None:
            raise ValueError("either conversationId or newConversation")
        return self


class CancelBody(Body):
    """`POST /agents/{agentId}/execute/cancel`."""

    run_id: ShortText | None = Field(None, description="The first run in the queue by default.")


class DecideBody(Body):
    """`POST /approvals/{approvalId}/decide`."""

    decision: Literal["approve", "reject"] | None = Field(
        None, description="May be left out where optionId says it."
    )
    input_hash: ShortText | None = Field(
        None, description="The approval's inputHash, as it was shown; needed to approve."
    )
    nonce: ShortText | None = Field(None, description="The approval's nonce, if it is to be held.")
    scope: Literal["once", "session"] = Field(
        "once", description="`session`: the same needs no further approval while the CLI lives."
    )
    option_id: ShortText | None = Field(None, description="One of the approval's options.")
    message: Annotated[str, StringConstraints(min_length=1, max_length=10_000)] | None = Field(
        None, description="Why; the model is told with a reject, where the CLI can."
    )
    updated_input: dict[str, Any] | None = Field(
        None, description="What the tool is to run with in the place of its own input."
    )
    answers: dict[str, str | list[str]] | None = Field(
        None,
        description="Kind question: the answer to each question, by its text; a list of labels "
        "where it takes several.",
    )
    stop: bool = Field(False, description="With a reject: end the turn as well.")
    by: ShortText = Field("operator", description="Who decides.")
    via: Literal["http", "cli", "tui", "web"] = "http"


class ExtendBody(Body):
    """`POST /approvals/{approvalId}/extend`."""

    by_ms: Duration | None = Field(None, description="As long again as at first by default.")


class ToggleBody(Body):
    """A change of a toggle: who, why, and for how long."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=2000)] = Field(
        "no reason given", description="Why; the audit keeps it."
    )
    by: ShortText = Field("operator", description="Who.")
    via: Literal["http", "cli", "tui", "web"] = "http"
    expires_ms: YearAtMost | None = Field(None, description="It ends by itself after so long.")


class TypeToggleBody(ToggleBody):
    """`POST /api/fallback/cli/disable` and `/enable`. `cliType` is another name of `type`."""

    type: ShortText = Field(
        description="A CLI type, or `*` for every one.",
        json_schema_extra={"enum": [*ADAPTERS, EVERYTHING]},
    )

    @model_validator(mode="before")
    @classmethod
    def _take_cli_type(cls, data: Any) -> Any:
        if isinstance(data, dict) and "cliType" in data and "type" not in data:
            data = dict(data)
            data["type"] = data.pop("cliType")
        return data

    pin: bool = Field(False, description="enable: keep it headless, whatever the evidence.")


class ForceBody(ToggleBody):
    """`POST /api/fallback/agent/force` and `/clear`."""

    agent_id: ShortText
    mode: Literal["headless", "tmux"] = "tmux"


class SendBody(Body):
    """`POST /agents/{agentId}/send`."""

    content: Annotated[str, StringConstraints(min_length=1)] = Field(description="The message.")
    metadata: dict[str, Any] = {}
    sender: ShortText = "client"
    expires_ms: YearAtMost = Field(
        86_400_000, description="For so long a reply is taken; a year at most."
    )


class ReplyBody(Body):
    """`POST /replies`."""

    ticket_id: ShortText
    content: str = Field(description="The reply.")
    metadata: dict[str, Any] = {}
    by: ShortText = "agent"


class EmptyBody(Body):
    """A POST that takes no fields."""


B = TypeVar("B", bound=Body)


async def read_body(request: Request, model: type[B]) -> B:
    """The request's JSON as `model`; BadRequestError says which field is wrong.

    A field that holds an object or a list is at most `limits.json_bytes` long and DEEPEST deep:
    it is stored, and has to be told again in every list.
    """
    data = await request.body()
    try:
        # Stricter than pydantic's own parser: no NaN, no half of a surrogate pair.
        decoded = msgspec.json.decode(data or b"{}")
        msgspec.json.encode(decoded)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        raise MalformedJsonError("invalid_json", f"the body is no JSON: {error}") from error
    if isinstance(decoded, dict):
        _check_sizes(decoded, request.app.state.context.settings.limits.json_bytes)
    try:
        return model.model_validate(decoded)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "body"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise BadRequestError("invalid_body", f"{place}: {first['msg']}{more}") from error


def _check_sizes(body: dict[str, Any], most: int) -> None:
    for name, value in body.items():
        if not isinstance(value, (dict, list)):
            continue
        if _is_deeper(value, DEEPEST):
            raise BadRequestError(
                "json_too_deep", f"{name[:100]} is nested more than {DEEPEST} deep"
            )
        if len(msgspec.json.encode(value)) > most:
            raise TooLargeError("json_too_large", f"{name[:100]} is over the limit of {most} bytes")


def _is_deeper(value: Any, levels: int) -> bool:
    """True if a value has more levels of objects and lists. Level by level, without recursion."""
    level = [value]
    for _ in range(levels):
        level = [
            item
            for holder in level
            for item in (holder.values() if isinstance(holder, dict) else holder)
            if isinstance(item, (dict, list))
        ]
        if not level:
            return False
    return True


class MalformedJsonError(BadRequestError):
    """The body does not parse."""

    status = 400


def integer_parameter(
    request: Request, name: str, default: int, *, low: int = 0, high: int = MOST
) -> int:
    """A whole number from the query; BadRequestError `invalid_parameter` otherwise."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 19 or not low <= int(text) <= high:
        raise MalformedJsonError(
            "invalid_parameter", f"{name}={text[:40]!r} is not a whole number from {low} to {high}"
        )
    return int(text)


def boolean_parameter(request: Request, name: str) -> bool | None:
    """`true` or `false` from the query, None without it; BadRequestError `invalid_parameter`."""
    text = request.query_params.get(name)
    if text not in (None, "true", "false"):
        raise MalformedJsonError(
            "invalid_parameter", f"{name}={text[:40]!r} is neither true nor false"
        )
    return None if text is None else text == "true"


def check_choice(request: Request, name: str, choices: Iterable[str]) -> None:
    """BadRequestError `invalid_parameter` unless the query names one of them, or none."""
    text, known = request.query_params.get(name), [*map(str, choices)]
    if text is not None and text not in known:
        raise MalformedJsonError(
            "invalid_parameter", f"{name}={text[:40]!r} is none of {', '.join(known)}"
        )
