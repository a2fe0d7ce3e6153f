"""The defence against each fault: its piece of the code, and what a service without it has."""

from __future__ import annotations

from typing import NamedTuple


class Defence(NamedTuple):
    """`text` is a piece of `where`; with `instead` in its place the defence is gone.

    `where`, `text` and `instead` are as `patching.patched` takes them.
    """

    fault: int
    what: str
    where: str
    text: str
    instead: str


DEFENCES = (
    # --- what a CLI prints
    Defence(
        1,
        "what does not decode is caught",
        "agent_runner.decoding.decode",
        "(msgspec.DecodeError, ValueError, OverflowError, RecursionError)",
        "(OverflowError, RecursionError)",
    ),
    Defence(
        2,
        "what came before the end is a line",
        "agent_runner.runners.stdout:Stdout.read",
        "await self._pass(self._framer.flush())",
        "self._framer.flush()",
    ),
    Defence(
        3,
        "control characters are read as they stand",
        "agent_runner.decoding.salvage",
        "json.JSONDecoder(strict=False, parse_int=_integer, parse_constant=str)",
        "json.JSONDecoder(parse_int=_integer, parse_constant=str)",
    ),
    Defence(
        4,
        "NUL is escaped in every view",
        "agent_runner.wire:encode",
        "_encoder.encode(value)",
        "_encoder.encode(value).replace(b'\\\\u0000', b'\\x00')",
    ),
    Defence(
        5,
        "half of a surrogate pair is no text",
        "agent_runner.decoding.salvage:clean",
        "value if value.isascii() else _HALF.sub('\ufffd', value)",
        "value",
    ),
    Defence(
        6,
        "more than DecodeError is caught",
        "agent_runner.decoding.decode",
        "(msgspec.DecodeError, ValueError, OverflowError, RecursionError)",
        "(msgspec.DecodeError, OverflowError, RecursionError)",
    ),
    Defence(
        7,
        "a line has a limit",
        "agent_runner.process.lines:LineFramer.__init__",
        "self._limit = limit",
        "self._limit = 1 << 60",
    ),
    Defence(
        8,
        "a line has a limit",
        "agent_runner.process.lines:LineFramer.__init__",
        "self._limit = limit",
        "self._limit = 1 << 60",
    ),
    Defence(
        8,
        "the raw log has a limit",
        "agent_runner.process.raw_log:RawLog.write",
        "memoryview(data)[:max(0, self._limit - self._length)]",
        "memoryview(data)",
    ),
    Defence(
        9,
        "a framer without the limit of 64 KiB",
        "agent_runner.process.lines:LineFramer.__init__",
        "self._limit = limit",
        "self._limit = min(limit, 1 << 16)",
    ),
    Defence(
        10,
        "RecursionError is caught",
        "agent_runner.decoding.decode",
        "(msgspec.DecodeError, ValueError, OverflowError, RecursionError)",
        "(msgspec.DecodeError, ValueError, OverflowError)",
    ),
    Defence(
        11,
        "an integer out of range is caught",
        "agent_runner.decoding.decode",
        "(msgspec.DecodeError, ValueError, OverflowError, RecursionError)",
        "(OverflowError, RecursionError)",
    ),
    Defence(
        12,
        "large integers are kept as text",
        "agent_runner.decoding.decode:plain",
        "-2 ** 63 <= value < 2 ** 63",
        "-2 ** 64 <= value < 2 ** 64",
    ),
    Defence(
        13,
        "NaN and infinity are kept as text",
        "agent_runner.decoding.salvage",
        "json.JSONDecoder(strict=False, parse_int=_integer, parse_constant=str)",
        "json.JSONDecoder(strict=False, parse_int=_integer, parse_constant=int)",
    ),
    Defence(
        14,
        "the last of two keys counts",
        "agent_runner.decoding.decode:decode_object",
        "_decode(line)",
        "__import__('json').loads(line, object_pairs_hook=lambda pairs: dict(reversed(pairs)))",
    ),
    Defence(
        15,
        "a byte order mark is no part of a line",
        "agent_runner.decoding.decode",
        "_BLANKS = b'\\xef\\xbb\\xbf \\t\\r\\n'",
        "_BLANKS = b' \\t\\r\\n'",
    ),
    Defence(
        16,
        "an unknown type is told",
        "agent_runner.decoding.decode:Family.convert",
        "Unrecognised(name[:120], shown(line))",
        "None",
    ),
    # --- time and ends
    Defence(
        17,
        "a start has its own deadline",
        "agent_runner.runners.watchdog:Watchdog.next",
        "self._deadline('start', limits.start_ms, self._begun)",
        "self._deadline('no_output', limits.no_output_ms, self._begun)",
    ),
    Defence(
        18,
        "silence has a deadline",
        "agent_runner.runners.watchdog:Watchdog.next",
        "deadlines.append(self._deadline('no_output', limits.no_output_ms, life))",
        "pass",
    ),
    Defence(
        19,
        "the whole time counts from the start",
        "agent_runner.runners.watchdog:Watchdog.next",
        "self._begun + questions.waited",
        "self._signs.last_output or self._begun",
    ),
    Defence(
        20,
        "exit 0 is no answer",
        "agent_runner.agents.protocol:ProtocolBase.finish",
        (
            "TurnCompleted(ok=False, code=code, error=error, session_id=self.session_id, "
            "untouched=self._untouched and (not self._interrupting))"
        ),
        (
            "TurnCompleted(ok=exit.code == 0, code=code, error=error, "
            "session_id=self.session_id, untouched=self._untouched and (not "
            "self._interrupting))"
        ),
    ),
    Defence(
        21,
        "what stays after its result is ended",
        "agent_runner.runners.cli_process:CliProcess.leave",
        "await self.end()",
        "pass",
    ),
    Defence(
        22,
        "a result counts more than an exit code",
        "agent_runner.runners.cli_process:CliProcess.turn_result",
        "return self._turn_result",
        (
            "if self._child.exit_code:\n"
            "    return TurnCompleted(ok=False, code=FailureCode.CLI_ERROR, error='exit')\n"
            "return self._turn_result"
        ),
    ),
    Defence(
        23,
        "the first result decides",
        "agent_runner.runners.cli_process:CliProcess._settle",
        "turn_result is None and (not self.turn_over)",
        "True",
    ),
    Defence(
        24,
        "output is read on after the exit",
        "agent_runner.runners.stdout:Stdout.quiet_after_exit",
        "seen != self._raw.received or not self._waits",
        "False",
    ),
    Defence(
        25,
        "stderr is read all the while",
        "agent_runner.runners.cli_process:CliProcess.serve",
        "tasks.start_soon(self._stderr.read)",
        "pass",
    ),
    Defence(
        26,
        "the wait for an exit has an end",
        "agent_runner.runners.cli_process:CliProcess.serve",
        ("with anyio.move_on_after(EXIT_GRACE_S):\n    await self._child.wait()"),
        "await self._child.wait()",
    ),
    Defence(
        27,
        "the end of a pipe is not waited for",
        "agent_runner.runners.cli_process:CliProcess._stop_reading_after_exit",
        "self._reading.cancel()",
        "pass",
    ),
    Defence(
        28,
        "a write has a deadline",
        "agent_runner.runners.outbox:Outbox.write",
        "self._child.write(data, timeout=WRITE_TIMEOUT_S)",
        "self._child.write(data, timeout=float('inf'))",
    ),
    Defence(
        29,
        "a broken pipe is no error",
        "agent_runner.runners.outbox:Outbox.write",
        "suppress(BrokenPipeError)",
        "suppress()",
    ),
    Defence(
        30,
        "stdin is closed after the prompt",
        "agent_runner.runners.cli_process:CliProcess._send_prompt",
        "self._protocol.close_after_prompt",
        "False",
    ),
    Defence(
        31,
        "a terminal gets no controls",
        "agent_runner.plain_text:clean",
        "text = _UNSAFE.sub(_SHOWN, text.replace('\\r\\n', '\\n'))",
        "pass",
    ),
    Defence(
        32,
        "the CLI is held back while events are stored",
        "agent_runner.bus.channel:Channel.emit",
        "self._flushing or self._places",
        "False",
    ),
    Defence(
        33,
        "KILL follows TERM",
        "agent_runner.process.child:Child.end",
        "self._command(b'k')",
        "pass",
    ),
    Defence(
        34,
        "orphans come to their keeper",
        "agent_runner.process.keeper:keep",
        "become_subreaper()",
        "pass",
    ),
    Defence(
        35,
        "the processes of a tree are counted",
        "agent_runner.process.keeper:Keeper.look",
        "len(tree)",
        "1",
    ),
    Defence(
        36,
        "a program that is none is told as not found",
        "agent_runner.runners.launcher:_cannot_run",
        "FailureCode.CLI_NOT_FOUND if condition in missing else FailureCode.SPAWN_FAILED",
        "FailureCode.SPAWN_FAILED",
    ),
    Defence(
        37,
        "the folder is looked at first",
        "agent_runner.runners.launcher:_place",
        "FailureCode.CWD_MISSING",
        "FailureCode.SPAWN_FAILED",
    ),
    Defence(
        38,
        "a prompt is written to its end",
        "agent_runner.process.child:Child.write",
        "view = view[written:]",
        "return",
    ),
    Defence(
        38,
        "what exec says is passed on",
        "agent_runner.process.keeper:become_cli",
        "os.write(failure, f'{error.errno} {what}'.encode())",
        "pass",
    ),
    Defence(
        39,
        "no NUL in an argument",
        "agent_runner.api.bodies",
        "StringConstraints(max_length=4096, pattern='^[^\\\\x00]*$')",
        "StringConstraints(max_length=4096)",
    ),
    Defence(
        39,
        "no NUL in a prompt",
        "agent_runner.runs.prompt:check_prompt",
        "'\\x00' in prompt",
        "False",
    ),
    Defence(
        40,
        "the memory of the whole tree counts",
        "agent_runner.process.keeper:Keeper.look",
        "sum(map(memory_bytes, tree))",
        "memory_bytes(self.child)",
    ),
    Defence(
        41,
        "the kernel's kill is named",
        "agent_runner.runners.limits:Limits.explained",
        "self._child.oom_killed",
        "False",
    ),
    Defence(
        42,
        "a pipe that cannot be made is an answer",
        "agent_runner.process.warden:Warden.request",
        "raise SpawnError(f'{argv[0]}: {error.strerror}', error.errno or 0) from error",
        "raise",
    ),
    Defence(
        43,
        "a fork is tried again",
        "agent_runner.process.child:spawn",
        "error.errno != errno.EAGAIN or attempt == FORK_ATTEMPTS",
        "True",
    ),
    Defence(
        44,
        "a pid alone proves nothing",
        "agent_runner.process.identity:is_same",
        "mark_of(recorded.pid) == recorded.process_id",
        "True",
    ),
    Defence(
        45,
        "silence has a deadline",
        "agent_runner.runners.watchdog:Watchdog.next",
        "deadlines.append(self._deadline('no_output', limits.no_output_ms, life))",
        "pass",
    ),
    Defence(
        46,
        "failures in a row open the breaker",
        "fallback.breaker:Breaker.record",
        "self.state is BreakerState.HALF_OPEN or failures >= self.policy.failures",
        "False",
    ),
    # --- the service
    # --- tmux and shadow
    Defence(
        47,
        "what has acted is not run again",
        "fallback.decide:may_fall_back",
        "headless and not acted and code in TMUX_HELPS",
        "headless and code in TMUX_HELPS",
    ),
    Defence(
        47,
        "both failures are told",
        "agent_runner.runs.driver:RunDriver._run",
        "both(plan.mode, outcome, other.mode, again)",
        "again",
    ),
    Defence(
        48,
        "the CLI in the pane is watched",
        "agent_runner.tmux.driver:Driver._start",
        "self._watch(pid, 'cli')",
        "None",
    ),
    Defence(
        49,
        "a mirror is started beside the run, not in it",
        "agent_runner.mirrors.mirrors:Mirrors.on_begin",
        "self._tasks.start_soon(self._shadow, begins, primary)",
        "raise OSError('the mirror cannot be started')",
    ),
    Defence(
        50,
        "begun runs are interrupted at the start",
        "agent_runner.runs.reconcile:reconcile",
        "tasks.start_soon(_interrupt, store, run, report, recover)",
        "pass",
    ),
    Defence(
        50,
        "a keeper kills when its service is gone",
        "agent_runner.process.keeper:Keeper.obey",
        "time.monotonic() + LIFELINE_GRACE_S",
        "None",
    ),
    Defence(
        51,
        "queued runs are taken up at the start",
        "agent_runner.app.service:running_service",
        "await _resume(runs, store, run)",
        "pass",
    ),
    Defence(
        52,
        "a keeper ends its tree when its service is gone",
        "agent_runner.process.keeper:Keeper.obey",
        (
            "self.lifeline = False\n"
            "signal_all(self.tree(), signal.SIGTERM)\n"
            "self.kill_at = time.monotonic() + LIFELINE_GRACE_S"
        ),
        "pass",
    ),
    Defence(
        54,
        "begun runs get time to end",
        "agent_runner.runs.service:RunService.close",
        "self._supervision.drain_ms / 1000",
        "0",
    ),
    Defence(
        54,
        "the second signal does not wait",
        "agent_runner.app.server:serve",
        "tasks.start_soon(_leave_at, signals)",
        "pass",
    ),
    Defence(
        55,
        "a hangup only checks",
        "agent_runner.app.server:serve",
        "tasks.start_soon(_check_at_hangup, load)",
        "pass",
    ),
    Defence(
        56,
        "a silent loop is told of",
        "agent_runner.app.loop_watch:_LoopWatch.listen",
        "silent > self._longest and told != beat",
        "False",
    ),
    # --- HTTP and SSE
    Defence(
        57,
        "unknown fields are refused",
        "agent_runner.api.bodies:Body",
        (
            "ConfigDict(alias_generator=to_camel, defer_build=True, extra='forbid', "
            "strict=True, validate_by_name=False)"
        ),
        (
            "ConfigDict(alias_generator=to_camel, defer_build=True, extra='ignore', "
            "strict=True, validate_by_name=False)"
        ),
    ),
    Defence(
        57,
        "values are not converted",
        "agent_runner.api.bodies:Body",
        (
            "ConfigDict(alias_generator=to_camel, defer_build=True, extra='forbid', "
            "strict=True, validate_by_name=False)"
        ),
        (
            "ConfigDict(alias_generator=to_camel, defer_build=True, extra='forbid', "
            "strict=False, validate_by_name=False)"
        ),
    ),
    Defence(
        57,
        "the parser's own failures are caught",
        "agent_runner.api.bodies:read_body",
        "(msgspec.MsgspecError, ValueError, OverflowError, RecursionError)",
        "msgspec.MsgspecError",
    ),
    Defence(
        58,
        "what comes is counted",
        "agent_runner.api.security:Gate._limited.limited",
        "received > most",
        "False",
    ),
    Defence(
        58,
        "a body has a deadline",
        "agent_runner.api.security:Gate._limited.limited",
        "anyio.CancelScope(deadline=deadline)",
        "anyio.CancelScope()",
    ),
    Defence(
        59,
        "a key is looked up",
        "agent_runner.runs.service:RunService.execute",
        "await self._seen(agent_id, request)",
        "None",
    ),
    Defence(
        59,
        "a key belongs to one request",
        "agent_runner.runs.service:RunService._seen",
        "run.request_hash != request.fingerprint()",
        "False",
    ),
    Defence(
        60,
        "only the first in the queue begins",
        "agent_runner.runs.queue:AgentQueue.enter",
        "len(self._slots) == 1",
        "True",
    ),
    Defence(
        61,
        "a run does not end with its caller",
        "agent_runner.api.runs:_outcome",
        "await active.done.wait()",
        (
            "while not active.done.is_set():\n"
            "    if await request.is_disconnected():\n"
            "        active.stop.request('cancelled')\n"
            "    await __import__('anyio').sleep(0.001)"
        ),
    ),
    Defence(
        62,
        "a reader's queue has a limit",
        "agent_runner.bus.subscriber",
        "MAX_QUEUED_BYTES = 1 << 20",
        "MAX_QUEUED_BYTES = 1 << 60",
    ),
    Defence(
        63,
        "Last-Event-ID is where it goes on",
        "agent_runner.api.streams:cursor",
        "int(header)",
        "0",
    ),
    Defence(
        64,
        "an id has ASCII digits only",
        "agent_runner.api.streams:cursor",
        "not header.isascii() or not header.isdigit() or len(header) > 19",
        "not header.isdigit()",
    ),
    Defence(
        64,
        "an id from the future is refused",
        "agent_runner.api.streams:cursor",
        "after > last_seq",
        "False",
    ),
    Defence(
        65,
        "streams have a cap",
        "agent_runner.api.streams:StreamSlots.enter",
        "self._open >= self._size",
        "False",
    ),
    Defence(
        66,
        "a slot comes back",
        "agent_runner.api.streams:_Stream.__call__",
        "self._slots.leave()",
        "pass",
    ),
    Defence(
        67,
        "what is not acknowledged ends a connection",
        "agent_runner.app.server:_notice_dead_peers",
        (
            "(('TCP_KEEPIDLE', probe_s), ('TCP_KEEPINTVL', probe_s), ('TCP_USER_TIMEOUT', "
            "patience_ms))"
        ),
        "(('TCP_KEEPIDLE', probe_s), ('TCP_KEEPINTVL', probe_s))",
    ),
    Defence(
        68,
        "line separators are escaped",
        "agent_runner.wire:encode",
        "data = data.replace(raw, escaped)",
        "pass",
    ),
    Defence(
        69,
        "a foreign Host is refused",
        "agent_runner.api.security:Gate._check",
        "host_name(host).lower() not in self._hosts",
        "False",
    ),
    Defence(
        69,
        "a foreign Origin is refused",
        "agent_runner.api.security:Gate._check",
        "origin is not None and origin.lower() not in self._origins | {f'http://{host.lower()}'}",
        "False",
    ),
    Defence(
        69,
        "links and dots are followed before a folder is allowed",
        "agent_runner.api.agents:_checked_cwd",
        "path.resolve()",
        "path",
    ),
    Defence(
        70,
        "others get a turn between frames",
        "agent_runner.api.streams:_Stream._guarded",
        "await anyio.lowlevel.checkpoint()",
        "pass",
    ),
    Defence(
        70,
        "a stream waits for its queue",
        "agent_runner.bus.subscriber:Subscriber.take",
        ("self._wake = anyio.Event()\nawait self._wake.wait()"),
        "pass",
    ),
    # --- the database
    Defence(
        53,
        "the state folder is locked",
        "agent_runner.app.state_dir:StateDir.claim",
        "fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "pass",
    ),
    Defence(
        53,
        "each transaction proves its epoch",
        "conversation_store.sqlite.committer:Committer._commit",
        "self.prove(connection)",
        "pass",
    ),
    Defence(
        71,
        "a transaction begins as a writer",
        "conversation_store.sqlite.committer:Committer._commit",
        "connection.execute('BEGIN IMMEDIATE')",
        "connection.execute('BEGIN')",
    ),
    Defence(
        72,
        "the log is given back when its reader is gone",
        "conversation_store.sqlite.wal:Wal.fold",
        "self.size() >= TRUNCATE_BYTES and frames == folded",
        "False",
    ),
    Defence(
        73,
        "a full disk is told from other faults",
        "conversation_store.sqlite.faults",
        "sqlite3.SQLITE_FULL",
        "-1",
    ),
    Defence(
        74,
        "the reserve is given up",
        "conversation_store.sqlite.committer:Committer._release",
        "self._reserve is not None and self._reserve.release()",
        "False",
    ),
    Defence(
        75,
        "a disk that does not work is waited out",
        "conversation_store.sqlite.faults",
        "sqlite3.SQLITE_IOERR",
        "-1",
    ),
    Defence(
        76,
        "damage is told from other faults",
        "conversation_store.sqlite.faults",
        "sqlite3.SQLITE_CORRUPT",
        "-1",
    ),
    Defence(
        77,
        "a migration is one transaction",
        "conversation_store.sqlite.migrate:migrate",
        (
            "connection.executescript(f'BEGIN IMMEDIATE;\\n{script}\\nPRAGMA user_version = "
            "{number};\\nCOMMIT;')"
        ),
        "connection.executescript(f'{script}\\nPRAGMA user_version = {number};')",
    ),
    Defence(
        78,
        "deadlines are of the monotonic clock",
        "agent_runner.runners.cli_runner:CliRunner._watch",
        "now = anyio.current_time()",
        "now = __import__('time').time_ns() / 1000000000.0",
    ),
    Defence(
        79,
        "a sleep ends with its deadline",
        "agent_runner.runners.watchdog:Watchdog.wait",
        "min(deadline.due - now, soonest)",
        "soonest",
    ),
    # --- approvals
    Defence(
        80,
        "a decision finds a pending approval or changes nothing",
        "conversation_store/sqlite/queries/approvals.sql:decide_approval",
        "WHERE approval_id = :approval_id AND state = 'pending' AND expires_at > :now",
        "WHERE approval_id = :approval_id AND expires_at > :now",
    ),
    Defence(
        81,
        "the end of a run voids what it asked",
        "conversation_store/sqlite/queries/approvals.sql:void_approvals_of_run",
        "WHERE run_id = :run_id AND state = 'pending'",
        "WHERE run_id = :run_id AND state = 'none'",
    ),
    Defence(
        81,
        "what is over is told apart from what is decided",
        "agent_runner.approvals.decision:refuse_decided",
        "raise GoneError('approval_expired', f'nobody decided by {approval.expires_at}')",
        "return",
    ),
    Defence(
        82,
        "a run that waits is not ended at the start",
        "agent_runner.runs.reconcile:reconcile",
        "run not in queued and run not in held",
        "run not in queued",
    ),
    Defence(
        83,
        "an approval outlives the process that asked",
        "agent_runner.runs.outlet:Outlet.emit",
        "event.decided_by == 'exit'",
        "False",
    ),
    Defence(
        83,
        "nothing is told to what has just died",
        "agent_runner.runners.cli_process:CliProcess.answer",
        "self._child.exit_code is not None or has_ended(self.pid, self.identity.start_ticks)",
        "self._child.exit_code is not None",
    ),
    Defence(
        84,
        "a changed question takes the first one back",
        "agent_runner.agents.protocol:ProtocolBase._ask",
        "before is not None and _asks_the_same(before, question)",
        "before is not None",
    ),
    Defence(
        84,
        "an answer is for the question that was shown",
        "agent_runner.runners.questions:Questions.open",
        "self._open.get(question.request_id) == question",
        "question.request_id in self._open",
    ),
    Defence(
        84,
        "an approval names what was seen",
        "agent_runner.approvals.decision:check",
        "seen is not None and seen != approval.input_hash",
        "False",
    ),
    Defence(
        85,
        "what is open already is not asked again",
        "agent_runner.agents.protocol:ProtocolBase._ask",
        "before is not None and _asks_the_same(before, question)",
        "False",
    ),
    Defence(
        85,
        "a question that was settled is denied",
        "agent_runner.runs.active:ActiveRun.ask",
        "await asker.answer(question, denial(SETTLED_BEFORE))",
        "pass",
    ),
    Defence(
        86,
        "what nobody decides expires",
        "agent_runner.approvals.service:ApprovalService._look",
        "await self._approvals.due(now=self._clock.now(), limit=PAGE)",
        "list[str]()",
    ),
    Defence(
        86,
        "expiry denies",
        "agent_runner.approvals.decision:answer_of",
        "PermissionAnswer(allow=False, message=approval.reason)",
        "PermissionAnswer(allow=True, message=approval.reason)",
    ),
)
