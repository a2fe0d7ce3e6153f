"""Everything about the service that can be set, what it means, and what it is by default."""

from __future__ import annotations

import os
import re
from base64 import b64decode
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from agent_runner.errors import BadRequestError
from agent_runner.folders import absolute
from agent_runner.home import home
from fallback import guard
from shadow.thresholds import SIMILAR_AT, Thresholds

Milliseconds = Annotated[int, Field(ge=1)]
_GUARD, _CRITERIA = guard.Policy(), Thresholds()


BASE = "base"
"""In the context of a validation: the folder that relative paths are meant from."""

PROGRAMS = "programs"
"""In the context of a validation: the names that `programs` may have; absent, they may be any."""


def _base(info: ValidationInfo) -> Path | None:
    return (info.context or {}).get(BASE)


def _whole(path: Any, info: ValidationInfo) -> Any:
    return absolute(path, _base(info)) if isinstance(path, str | Path) else path


def _whole_program(program: str, info: ValidationInfo) -> str:
    """A path is made absolute; a name alone is looked for in PATH."""
    if not program.strip() or os.sep in program or program.startswith("~"):
        return str(absolute(program, _base(info)))
    return program


def _whole_command(command: list[str], info: ValidationInfo) -> list[str]:
    return [_whole_program(command[0], info), *command[1:]] if command else command


def _no_wildcard(text: str) -> None:
    if "*" in text:
        raise ValueError(f"{text!r} would match nothing: there are no wildcards, name each one")


def _host(name: str) -> str:
    _no_wildcard(name)
    if not re.fullmatch(r"[^\s/\[\]]+", name) or name.count(":") == 1:
        raise ValueError(f"{name!r} is no host name; a port does not belong to it")
    return name.lower()


def _origin(text: str) -> str:
    _no_wildcard(text)
    if not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^\s/]+", text.lower()):
        raise ValueError(f"{text!r} is no origin; one looks like https://chat.example:3000")
    return text.lower()


def _program(name: str, info: ValidationInfo) -> str:
    known = (info.context or {}).get(PROGRAMS)
    if known is not None and name not in known:
        raise ValueError(f"{name!r} is none of {', '.join(known)}")
    return name


AnyPath = Annotated[Path, BeforeValidator(_whole)]
ProgramPath = Annotated[str, AfterValidator(_whole_program)]
CommandLine = Annotated[list[str], AfterValidator(_whole_command)]
Host = Annotated[str, AfterValidator(_host)]
Origin = Annotated[str, AfterValidator(_origin)]
Program = Annotated[str, AfterValidator(_program)]


def default_state_dir() -> Path:
    """`$XDG_STATE_HOME/agent-runner`, usually `~/.local/state/agent-runner`.

    BadRequestError `no_home` for a user who has no home folder.
    """
    base = os.environ.get("XDG_STATE_HOME", "")
    # A relative one is to be ignored, says its specification.
    if os.path.isabs(base):
        return Path(base) / "agent-runner"
    if (own := home()) is None:
        raise BadRequestError(
            "no_home",
            f"there is no home folder: HOME is not set, and uid {os.getuid()} has no passwd entry",
            hint="set HOME, or say where the state folder is by AGENT_RUNNER_STATE_DIR",
        )
    return own / ".local/state/agent-runner"


def _default_roots() -> list[Path]:
    """The home folder and the start folder, as far as there are such."""
    roots = [*filter(None, [home()])]
    with suppress(FileNotFoundError):  # the folder it was started in is gone
        roots.append(Path.cwd())
    return roots or [Path(os.sep, "nonexistent")]


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(_Section):
    """Where the service listens and who may speak to it."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8420, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    auth: Literal["token", "none"] = Field(
        "token", description="`token` asks every request for it; `none` only on loopback."
    )
    token: str | None = Field(
        None, min_length=16, description="The bearer token; made and kept in the state folder."
    )
    allowed_hosts: list[Host] = Field(
        [],
        description="Host header names accepted besides the address listened on; no wildcards.",
    )
    allowed_origins: list[Origin] = Field(
        [], description="Origins whose pages may call the service (CORS); no wildcards."
    )
    login_ms: Milliseconds = Field(
        604_800_000, description="A browser that logged in by the token stays so for this long."
    )
    allow_remote: bool = Field(
        False, description="Permit listening on an address that is not loopback."
    )


class LimitSettings(_Section):
    """Bounds on what one request, run or reader may take."""

    body_bytes: int = Field(16 << 20, ge=1024, description="Largest request body.")
    json_bytes: int = Field(
        1 << 20, ge=1024, description="Largest object or list in a field of a request."
    )
    prompt_bytes: int = Field(8 << 20, ge=1, description="Longest prompt, in UTF-8 bytes.")
    line_bytes: int = Field(8 << 20, ge=4096, description="Longest CLI line that is decoded.")
    queue_depth: int = Field(100, ge=1, description="Runs waiting for one agent.")
    queue_wait_ms: Milliseconds = Field(300_000, description="Longest wait for the agent.")
    warm_processes: int = Field(8, ge=0, description="Warm CLI processes kept; 0 is one-shot only.")
    warm_memory_floor_bytes: int = Field(
        512 << 20, ge=0, description="Warm processes end while the machine has less memory free."
    )
    stream_clients: int = Field(1000, ge=1, description="Open SSE streams.")
    stream_send_ms: Milliseconds = Field(
        10_000, description="A stream client that takes nothing for this long is closed."
    )
    connections: int | None = Field(
        None, ge=8, description="Open connections; by default 200 more than `stream_clients`."
    )
    head_bytes: int = Field(64 << 10, ge=1024, description="Largest request line with its headers.")
    head_ms: Milliseconds = Field(
        10_000, description="A request's headers must be whole after this long."
    )
    keep_alive_ms: Milliseconds = Field(
        15_000, description="A connection that asks nothing for this long is closed."
    )
    pipelined: int = Field(
        4, ge=1, description="Requests of one connection that wait behind the one being answered."
    )


class Timeouts(_Section):
    """How long a run and its CLI may take. Every one can be set per agent and per run."""

    start_ms: Milliseconds = Field(60_000, description="From a CLI's start to its first output.")
    no_output_ms: Milliseconds = Field(
        300_000, description="The longest silence of a CLI in a run; any byte or heartbeat ends it."
    )
    heartbeat_interval_ms: Milliseconds = Field(
        30_000, description="How often a supervised tool is to send a heartbeat."
    )
    heartbeat_grace_ms: Milliseconds = Field(
        90_000, description="The longest time without a heartbeat, once a run has sent one."
    )
    command_ms: Milliseconds = Field(
        300_000, description="A run's whole time; output and heartbeats do not extend it."
    )
    session_idle_ms: Milliseconds = Field(
        300_000, description="A warm process that serves no run for this long ends."
    )
    session_lifetime_ms: Milliseconds = Field(
        3_600_000, description="A warm process older than this ends after its run."
    )
    cancel_grace_ms: Milliseconds = Field(
        5_000, description="From the wish to end a CLI to the kill of its whole tree."
    )


class LongestTimeouts(Timeouts):
    """The most that an agent or a run may ask for each."""

    start_ms: Milliseconds = Field(600_000, description="The most that may be asked.")
    no_output_ms: Milliseconds = Field(1_800_000, description="The most that may be asked.")
    heartbeat_interval_ms: Milliseconds = Field(600_000, description="The most that may be asked.")
    heartbeat_grace_ms: Milliseconds = Field(1_800_000, description="The most that may be asked.")
    command_ms: Milliseconds = Field(1_800_000, description="The most that may be asked.")
    session_idle_ms: Milliseconds = Field(86_400_000, description="The most that may be asked.")
    session_lifetime_ms: Milliseconds = Field(86_400_000, description="The most that may be asked.")
    cancel_grace_ms: Milliseconds = Field(60_000, description="The most that may be asked.")


class SupervisionSettings(Timeouts):
    """How runs and CLI processes are watched. Times are of the monotonic clock."""

    session_warning_ms: Milliseconds = Field(
        30_000, description="A warning event comes this long before a warm process ends."
    )
    drain_ms: int = Field(
        30_000, ge=0, description="At a stop, how long runs may go on before they are interrupted."
    )
    on_stall: Literal["cancel", "warn"] = Field(
        "cancel", description="Silence over `no_output_ms` ends the run, or is only told."
    )
    resume_queued: bool = Field(
        True, description="At a start, run the prompts that an earlier service had queued."
    )
    longest: LongestTimeouts = LongestTimeouts()

    @model_validator(mode="after")
    def _defaults_are_allowed(self) -> SupervisionSettings:
        for name in Timeouts.model_fields:
            if getattr(self, name) > getattr(self.longest, name):
                raise ValueError(f"{name} is over longest.{name}")
        return self

    @cached_property
    def timeouts(self) -> Timeouts:
        """The timeouts alone."""
        values = {name: getattr(self, name) for name in Timeouts.model_fields}
        return Timeouts.model_construct(**values)

    def with_overrides(self, *overrides: Mapping[str, int] | None) -> Timeouts:
        """The timeouts with each of `overrides` ({"startMs": 1000}) on top of the one before.

        BadRequestError `unknown_timeout` or `timeout_too_long` names the field.
        """
        if not any(overrides):
            return self.timeouts
        values = dict(self.timeouts)
        for name, value in (item for given in overrides for item in (given or {}).items()):
            field = _TIMEOUT_NAMES.get(name)
            if field is None or value < 1:
                raise BadRequestError(
                    "unknown_timeout",
                    f"timeouts.{name}={value} is no timeout",
                    hint=f"whole milliseconds for one of {', '.join(_TIMEOUT_NAMES)}",
                )
            longest = getattr(self.longest, field)
            if value > longest:
                raise BadRequestError(
                    "timeout_too_long", f"{name} is {value}, at most {longest} is allowed"
                )
            values[field] = value
        return Timeouts.model_construct(**values)


_TIMEOUT_NAMES = {to_camel(name): name for name in Timeouts.model_fields}


class BreakerSettings(_Section):
    """When a CLI that fails again and again is left alone for a while."""

    agent_failures: int = Field(
        3, ge=1, description="Failures of an agent in a row that open its circuit."
    )
    type_failures: int = Field(
        5, ge=1, description="Failures in a row over all agents of a CLI that open its circuit."
    )
    cooldown_ms: Milliseconds = Field(
        30_000, description="How long an open circuit waits before one run is tried; then doubled."
    )
    longest_cooldown_ms: Milliseconds = Field(600_000, description="The longest such wait.")


class AutomaticSettings(_Section):
    """When headless is given up by itself for an agent or a CLI type, and how it comes back.

    Rates are of the last `window` headless runs within `window_ms`.
    """

    enabled: bool = Field(True, description="Move agents and CLI types to tmux on evidence.")
    window: int = Field(
        _GUARD.window, ge=1, le=guard.MOST_SEEN, description="Runs that a rate is taken over."
    )
    window_ms: Milliseconds = Field(
        _ms(_GUARD.window_s), description="Older runs do not count for a rate."
    )
    least_runs: int = Field(_GUARD.least_runs, ge=1, description="Runs before a rate counts.")
    least_success: float = Field(
        _GUARD.least_success,
        ge=0,
        le=1,
        description="Headless is given up when a smaller share succeeds.",
    )
    most_hangs: float = Field(
        _GUARD.most_hangs, ge=0, le=1, description="... when a larger share hangs."
    )
    most_drift: float = Field(
        _GUARD.most_drift,
        ge=0,
        le=1,
        description="... when a larger share prints what no schema knows.",
    )
    error_budget: float = Field(
        _GUARD.error_budget, gt=0, le=1, description="The share of runs that may fail."
    )
    burn: float = Field(
        _GUARD.burn,
        gt=0,
        description="... when the failing share is so many times the error budget.",
    )
    budget_ms: Milliseconds = Field(
        _ms(_GUARD.budget_s), description="The time that the budget is over."
    )
    budget_runs: int = Field(
        _GUARD.budget_runs, ge=1, le=guard.MOST_SEEN, description="Runs before the budget counts."
    )
    settle_ms: Milliseconds = Field(
        _ms(_GUARD.settle_s),
        description="For so long after its return headless is not given up again.",
    )
    dwell_ms: Milliseconds = Field(
        _ms(_GUARD.dwell_s),
        description="For so long no run is tried headless; doubled with each bad try.",
    )
    longest_dwell_ms: Milliseconds = Field(
        _ms(_GUARD.longest_dwell_s), description="The longest such time."
    )
    relapse_ms: Milliseconds = Field(
        _ms(_GUARD.relapse_s),
        description="Given up again within this time of its return, it dwells longer.",
    )
    doctor_ms: Milliseconds = Field(
        600_000, description="How often each CLI in use is asked for its version."
    )
    canaries: int = Field(
        _GUARD.canaries, ge=1, description="Tried runs in a row that bring headless back."
    )


class TmuxSettings(_Section):
    """The CLIs' own terminal UIs, in tmux."""

    enabled: bool = Field(
        True, description="Drive CLIs in tmux where that is asked, or headless fails."
    )
    disabled_because: str | None = Field(
        None,
        min_length=1,
        description="Lets `enabled: false` stand before `shadow criteria` says ready.",
    )


class CriteriaSettings(_Section):
    """What headless has to reach before tmux can go (`agent-runner shadow criteria`)."""

    window_days: int = Field(
        _CRITERIA.window_days, ge=1, description="Older comparisons do not count."
    )
    least_success: float = Field(
        _CRITERIA.least_success,
        ge=0,
        le=1,
        description="The share of headless legs that must succeed.",
    )
    least_match: float = Field(
        _CRITERIA.least_match,
        ge=0,
        le=1,
        description="The share of comparisons that must match or be equivalent.",
    )
    least_gain: float = Field(
        _CRITERIA.least_gain,
        ge=-1,
        lt=1,
        description="Headless must be faster than tmux by over this share.",
    )
    most_corrupt: float = Field(
        _CRITERIA.most_corrupt,
        gt=0,
        le=1,
        description="A smaller share of headless outputs may be damaged.",
    )
    least_comparisons: int = Field(
        _CRITERIA.least_comparisons, ge=1, description="Comparisons before it is judged."
    )
    least_days: int = Field(
        _CRITERIA.least_days, ge=1, description="Days with a comparison before it is judged."
    )


class ShadowSettings(_Section):
    """Runs in commMode `shadow`: a mirror leg beside the one whose answer counts."""

    primary: Literal["tmux", "headless"] = Field(
        "tmux", description="The leg whose answer counts; the mirror is the other one."
    )
    against: Literal["other", "self"] = Field(
        "other", description="`self` mirrors the primary's own way, to try the comparison."
    )
    self_share: float = Field(
        0.1, ge=0, le=1, description="The share of runs that compare headless with itself too."
    )
    mirrors: int = Field(4, ge=0, description="Mirror legs at a time; over that a run gets none.")
    mirror_ms: Milliseconds = Field(600_000, description="A mirror's whole time, at most.")
    question_ms: Milliseconds = Field(
        60_000, description="How long a mirror's question waits for the primary to decide the same."
    )
    git_ms: Milliseconds = Field(20_000, description="How long one command of git may take.")
    copy_bytes: int = Field(
        256 << 20, ge=0, description="A larger folder is not copied: its mirror only reads."
    )
    copy_files: int = Field(20_000, ge=0, description="The same for a folder with more files.")
    output_bytes: int = Field(
        1 << 20, ge=1024, description="Kept of each leg's answer and of each diff."
    )
    similar_at: float = Field(
        SIMILAR_AT, ge=0, le=1, description="Answers less alike than this are a mismatch."
    )
    criteria: CriteriaSettings = CriteriaSettings()


class FallbackSettings(_Section):
    """The way from headless to tmux."""

    automatic: AutomaticSettings = AutomaticSettings()


class ResourceSettings(_Section):
    """What one CLI and everything it starts may take together; 0 is no limit.

    Looked at twice a second and more often near a limit, so a tree can be over it for a
    moment. An agent may have its own.
    """

    memory_bytes: int = Field(
        8 << 30, ge=0, description="Memory of a CLI's tree; told at 80 %, ended above."
    )
    cpu_s: int = Field(7200, ge=0, description="CPU seconds of a CLI's tree.")
    processes: int = Field(512, ge=0, description="Processes of a CLI's tree.")
    output_bytes: int = Field(4 << 30, ge=0, description="What a CLI may print in one run.")


class LogSettings(_Section):
    """The raw output of CLIs, byte for byte but for secrets, a file for each run and stream."""

    run_bytes: int = Field(256 << 20, ge=0, description="Kept for each run and stream.")
    agent_bytes: int = Field(
        1 << 30, ge=0, description="Kept for each agent; the oldest runs' files go first."
    )
    agent_runs: int = Field(
        1000, ge=1, description="Runs of each agent whose output is kept, or up to a tenth more."
    )


class AttachmentSettings(_Section):
    """The files of prompts."""

    file_bytes: int = Field(20 << 20, ge=1024, description="Largest attachment.")
    quota_bytes: int = Field(2 << 30, ge=1024, description="All attachments together.")
    in_prompt: int = Field(20, ge=1, description="Attachments of one prompt.")
    unused_ms: Milliseconds = Field(
        86_400_000, description="An upload that no prompt uses goes after this long."
    )


class ApprovalSettings(_Section):
    """How long a question may wait for a human, and what is done meanwhile."""

    expires_ms: Milliseconds = Field(
        86_400_000, description="An approval that nobody decides for this long is denied."
    )
    longest_ms: Milliseconds = Field(
        604_800_000, description="The most that an agent or an extension may ask for."
    )
    check_ms: Milliseconds = Field(
        60_000, description="How often, at least, it is looked for approvals that expire."
    )
    hold_ms: Milliseconds = Field(
        1_800_000,
        description="A CLI that waits for longer is ended; the decision resumes its session.",
    )
    resume_attempts: int = Field(
        3, ge=1, description="How often a session is resumed to tell it of a decision."
    )

    @model_validator(mode="after")
    def _default_is_allowed(self) -> ApprovalSettings:
        if self.expires_ms > self.longest_ms:
            raise ValueError("expires_ms is over longest_ms")
        return self


def signing_key(secret: str) -> bytes:
    """The key of a webhook's signature; ValueError if what follows `whsec_` is not base64."""
    if secret.startswith("whsec_"):
        return b64decode(secret.removeprefix("whsec_"))
    return secret.encode()


class Webhook(_Section):
    """Somebody outside who is told of every approval that is requested."""

    url: str = Field(pattern=r"^https?://", description="Where it is posted to.")
    secret: str = Field(
        min_length=16, description="Signs it: `whsec_` and base64, or any text of 16 characters."
    )

    @field_validator("url")
    @classmethod
    def _names_a_host(cls, url: str) -> str:
        parts = urlsplit(url)
        if not parts.hostname or parts.port == 0:
            raise ValueError("it names no host")
        return url

    @field_validator("secret")
    @classmethod
    def _is_base64(cls, secret: str) -> str:
        try:
            signing_key(secret)
        except ValueError as error:
            raise ValueError(f"what follows whsec_ is not base64: {error}") from error
        return secret


class HookSettings(_Section):
    """Who is told of an approval that waits; nobody by default."""

    webhooks: list[Webhook] = Field(
        [], description="Each is posted the event, signed, until it answers 2xx."
    )
    command: CommandLine = Field(
        [], description="A program with its arguments; the event's JSON is its stdin."
    )


class MaintenanceSettings(_Section):
    """What the service does for its database every night."""

    enabled: bool = Field(
        True, description="Check, back up, clear and shrink the database each night."
    )
    hour: int = Field(3, ge=0, le=23, description="The local hour in which it does so.")
    keep_backups: int = Field(7, ge=1, description="Backups kept; the oldest go first.")
    keep_outputs_days: int = Field(
        90, ge=1, description="Outputs of a shadow comparison; its verdict and figures stay."
    )
    keep_tickets_days: int = Field(
        30, ge=1, description="Tickets, from their reply or from when their time was over."
    )


class Settings(_Section):
    """Everything that can be set."""

    state_dir: AnyPath = Field(
        default_factory=default_state_dir, description="Database, token and raw logs."
    )
    allowed_roots: list[AnyPath] = Field(
        default_factory=_default_roots,
        description="Folders that an agent's cwd must lie in; your home and the start folder.",
    )
    programs: dict[Program, ProgramPath] = Field(
        {}, description="Path of a CLI, by agent type, where it is not found by itself."
    )
    server: ServerSettings = ServerSettings()
    limits: LimitSettings = LimitSettings()
    supervision: SupervisionSettings = SupervisionSettings()
    breaker: BreakerSettings = BreakerSettings()
    fallback: FallbackSettings = FallbackSettings()
    tmux: TmuxSettings = TmuxSettings()
    shadow: ShadowSettings = ShadowSettings()
    approvals: ApprovalSettings = ApprovalSettings()
    attachments: AttachmentSettings = AttachmentSettings()
    hooks: HookSettings = HookSettings()
    resources: ResourceSettings = ResourceSettings()
    logs: LogSettings = LogSettings()
    maintenance: MaintenanceSettings = MaintenanceSettings()
