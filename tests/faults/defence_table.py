"""The defence against each fault: its text in the code, and what a service without it has."""

from __future__ import annotations

from typing import NamedTuple


class Defence(NamedTuple):
    """`text` stands once in `file`; with `instead` in its place the defence is gone."""

    fault: int
    what: str
    file: str
    text: str
    instead: str


_DECODE = "agent_runner/decoding/decode.py"
_LINES = "agent_runner/process/lines.py"
_LIVE = "agent_runner/runners/cli_process.py"
_STDOUT = "agent_runner/runners/stdout.py"
_OUTBOX = "agent_runner/runners/outbox.py"
_WATCHDOG = "agent_runner/runners/watchdog.py"
_CHILD = "agent_runner/process/child.py"
_KEEPER = "agent_runner/process/keeper.py"
_COMMITTER = "conversation_store/sqlite/committer.py"
_BODIES = "agent_runner/api/bodies.py"
_GATE = "agent_runner/api/security.py"
_STREAMS = "agent_runner/api/streams.py"
_CAUGHT = "UNDECODABLE = (msgspec.DecodeError, ValueError, OverflowError, RecursionError)"
_SALVAGE = "agent_runner/decoding/salvage.py"

DEFENCES = (
    # --- what a CLI prints
    Defence(
        1, "what does not decode is caught", _DECODE,
        _CAUGHT, "UNDECODABLE = (OverflowError, RecursionError)",
    ),
    Defence(
        2, "what came before the end is a line", _STDOUT,
        "await self._pass(self._framer.flush())", "self._framer.flush()",
    ),
    Defence(
        3, "control characters are read as they stand", _SALVAGE,
        "JSONDecoder(strict=False, ", "JSONDecoder(",
    ),
    Defence(
        4, "NUL is escaped in every view", "agent_runner/wire.py",
        "data = _encoder.encode(value)",
        r'data = _encoder.encode(value).replace(b"\\u0000", b"\0")',
    ),
    Defence(
        5, "half of a surrogate pair is no text", _SALVAGE,
        r'value if value.isascii() else _HALF.sub("\ufffd", value)', "value",
    ),
    Defence(
        6, "more than DecodeError is caught", _DECODE,
        _CAUGHT, "UNDECODABLE = (msgspec.DecodeError, OverflowError, RecursionError)",
    ),
    Defence(7, "a line has a limit", _LINES, "self._limit = limit", "self._limit = 1 << 60"),
    Defence(8, "a line has a limit", _LINES, "self._limit = limit", "self._limit = 1 << 60"),
    Defence(
        8, "the raw log has a limit", "agent_runner/process/raw_log.py",
        "memoryview(data)[: max(0, self._limit - self._length)]", "memoryview(data)",
    ),
    Defence(
        9, "a framer without the limit of 64 KiB", _LINES,
        "self._limit = limit", "self._limit = min(limit, 1 << 16)",
    ),
    Defence(
        10, "RecursionError is caught", _DECODE,
        _CAUGHT, "UNDECODABLE = (msgspec.DecodeError, ValueError, OverflowError)",
    ),
    Defence(
        11, "an integer out of range is caught", _DECODE,
        _CAUGHT, "UNDECODABLE = (OverflowError, RecursionError)",
    ),
    Defence(
        12, "large integers are kept as text", _DECODE,
        "not -(2**63) <= value < 2**63", "not -(2**64) <= value < 2**64",
    ),
    Defence(
        13, "NaN and infinity are kept as text", _SALVAGE,
        ", parse_constant=str)", ", parse_constant=int)",
    ),
    Defence(
        14, "the last of two keys counts", _DECODE, "return _decode(line)",
        "return __import__('json').loads("
        "line, object_pairs_hook=lambda pairs: dict(reversed(pairs)))",
    ),
    Defence(
        15, "a byte order mark is no part of a line", _DECODE,
        r'_BLANKS = b"\xef\xbb\xbf \t\r\n"', r'_BLANKS = b" \t\r\n"',
    ),
    Defence(
        16, "an unknown type is told", _DECODE,
        "return Unrecognised(name[:120], shown(line))", "return None",
    ),
    # --- time and ends
    Defence(
        17, "a start has its own deadline", _WATCHDOG,
        'self._deadline("start", limits.start_ms, self._begun)',
        'self._deadline("no_output", limits.no_output_ms, self._begun)',
    ),
    Defence(
        18, "silence has a deadline", _WATCHDOG,
        'deadlines.append(self._deadline("no_output", limits.no_output_ms, life))', "pass",
    ),
    Defence(
        19, "the whole time counts from the start", _WATCHDOG,
        'self._deadline("command", limits.command_ms, self._begun + questions.waited)',
        'self._deadline("command", limits.command_ms, self._signs.last_output or self._begun)',
    ),
    Defence(
        20, "exit 0 is no answer", "agent_runner/agents/protocol.py",
        "                    ok=False,\n                    code=code,\n",
        "                    ok=exit.code == 0,\n                    code=code,\n",
    ),
    Defence(
        21, "what stays after its result is ended", _LIVE,
        "            await self.gone.wait()\n        await self.end()\n",
        "            await self.gone.wait()\n",
    ),
    Defence(
        22, "a result counts more than an exit code", _LIVE,
        "        assert self._turn_result is not None\n        return self._turn_result",
        "        assert self._turn_result is not None\n"
        "        if self._child.exit_code:\n"
        "            return TurnCompleted(ok=False, code=FailureCode.CLI_ERROR, error='exit')\n"
        "        return self._turn_result",
    ),
    Defence(
        23, "the first result decides", _LIVE,
        "if turn_result is None and not self.turn_over:", "if True:",
    ),
    Defence(
        24, "output is read on after the exit", _STDOUT,
        "while seen != self._raw.received or not self._waits:", "while False:",
    ),
    Defence(
        25, "stderr is read all the while", _LIVE, "tasks.start_soon(self._stderr.read)", "pass",
    ),
    Defence(
        26, "the wait for an exit has an end", _LIVE,
        "                    with anyio.move_on_after(EXIT_GRACE_S):\n"
        "                        await self._child.wait()\n",
        "                    await self._child.wait()\n",
    ),
    Defence(
        27, "the end of a pipe is not waited for", _LIVE,
        "quiet_after_exit()\n        self._reading.cancel()\n", "quiet_after_exit()\n",
    ),
    Defence(
        28, "a write has a deadline", _OUTBOX,
        "timeout=WRITE_TIMEOUT_S", 'timeout=float("inf")',
    ),
    Defence(
        29, "a broken pipe is no error", _OUTBOX,
        "with suppress(BrokenPipeError):", "with suppress():",
    ),
    Defence(
        30, "stdin is closed after the prompt", _LIVE,
        "if self._protocol.close_after_prompt:\n            self._outbox.close()",
        "if False:\n            self._outbox.close()",
    ),
    Defence(
        31, "a terminal gets no controls", "agent_runner/plain_text.py",
        r'text = _UNSAFE.sub(_SHOWN, text.replace("\r\n", "\n"))', "pass",
    ),
    Defence(
        32, "the CLI is held back while events are stored", "agent_runner/bus/channel.py",
        "while (self._flushing or self._places) and (", "while False and (",
    ),
    Defence(
        33, "KILL follows TERM", _CHILD, 'self._command(b"k")', "pass",
    ),
    Defence(
        34, "orphans come to their keeper", _KEEPER,
        "    become_subreaper()\n    woken = wakeups()\n    while",
        "    woken = wakeups()\n    while",
    ),
    Defence(
        35, "the processes of a tree are counted", _KEEPER,
        '"processes": len(tree)', '"processes": 1',
    ),
    Defence(
        36, "a program that is none is told as not found", "agent_runner/runners/launcher.py",
        "FailureCode.CLI_NOT_FOUND if condition in missing else FailureCode.SPAWN_FAILED",
        "FailureCode.SPAWN_FAILED",
    ),
    Defence(
        37, "the folder is looked at first", "agent_runner/runners/launcher.py",
        'FailureCode.CWD_MISSING,\n            f"the agent\'s cwd {cwd}',
        'FailureCode.SPAWN_FAILED,\n            f"the agent\'s cwd {cwd}',
    ),
    Defence(
        38, "a prompt is written to its end", _CHILD, "view = view[written:]", "return",
    ),
    Defence(
        38, "what exec says is passed on", _KEEPER,
        'os.write(failure, f"{error.errno} {what}".encode())', "pass",
    ),
    Defence(
        39, "no NUL in an argument", _BODIES,
        r'Argument = Annotated[str, StringConstraints(max_length=4096, pattern=r"^[^\x00]*$")]',
        "Argument = Annotated[str, StringConstraints(max_length=4096)]",
    ),
    Defence(
        39, "no NUL in a prompt", "agent_runner/runs/prompt.py",
        r'if "\0" in prompt:', "if False:",
    ),
    Defence(
        40, "the memory of the whole tree counts", _KEEPER,
        "sum(map(memory_bytes, tree))", "memory_bytes(self.child)",
    ),
    Defence(
        41, "the kernel's kill is named", "agent_runner/runners/limits.py",
        "if self._child.oom_killed:", "if False:",
    ),
    Defence(
        42, "a pipe that cannot be made is an answer", "agent_runner/process/warden.py",
        'raise SpawnError(f"{argv[0]}: {error.strerror}", error.errno or 0) from error', "raise",
    ),
    Defence(
        43, "a fork is tried again", _CHILD,
        "if error.errno != errno.EAGAIN or attempt == FORK_ATTEMPTS:", "if True:",
    ),
    Defence(
        44, "a pid alone proves nothing", "agent_runner/process/identity.py",
        "        and mark_of(recorded.pid) == recorded.process_id\n", "",
    ),
    Defence(
        45, "silence has a deadline", _WATCHDOG,
        'deadlines.append(self._deadline("no_output", limits.no_output_ms, life))', "pass",
    ),
    Defence(
        46, "failures in a row open the breaker", "fallback/breaker.py",
        "opens = self.state is BreakerState.HALF_OPEN or failures >= self.policy.failures",
        "opens = False",
    ),
    # --- the service
    # --- tmux and shadow
    Defence(
        47, "what has acted is not run again", "fallback/decide.py",
        "return headless and not acted and code in TMUX_HELPS",
        "return headless and code in TMUX_HELPS",
    ),
    Defence(
        47, "both failures are told", "agent_runner/runs/driver.py",
        "return both(plan.mode, outcome, other.mode, again)", "return again",
    ),
    Defence(
        48, "the CLI in the pane is watched", "agent_runner/tmux/driver.py",
        'self._cli = self._watch(pid, "cli")', "self._cli = None",
    ),
    Defence(
        49, "a mirror is started beside the run, not in it", "agent_runner/mirrors/mirrors.py",
        "self._tasks.start_soon(self._shadow, begins)",
        'raise OSError("the mirror cannot be started")',
    ),
    Defence(
        50, "begun runs are interrupted at the start", "agent_runner/runs/reconcile.py",
        "tasks.start_soon(_interrupt, store, run, report, recover)", "pass",
    ),
    Defence(
        50, "a keeper kills when its service is gone", _KEEPER,
        "self.kill_at = time.monotonic() + LIFELINE_GRACE_S", "self.kill_at = None",
    ),
    Defence(
        51, "queued runs are taken up at the start", "agent_runner/app/service.py",
        "await _resume(runs, store, run)", "pass",
    ),
    Defence(
        52, "a keeper ends its tree when its service is gone", _KEEPER,
        "            self.lifeline = False\n"
        "            signal_all(self.tree(), signal.SIGTERM)\n"
        "            self.kill_at = time.monotonic() + LIFELINE_GRACE_S\n",
        "",
    ),
    Defence(
        54, "begun runs get time to end", "agent_runner/runs/service.py",
        "anyio.move_on_after(self._supervision.drain_ms / 1000)",
        "anyio.move_on_after(0)",
    ),
    Defence(
        54, "the second signal does not wait", "agent_runner/app/server.py",
        "tasks.start_soon(_leave_at, signals)", "pass",
    ),
    Defence(
        55, "a hangup only checks", "agent_runner/app/server.py",
        "tasks.start_soon(_check_at_hangup, load)", "pass",
    ),
    Defence(
        56, "a silent loop is told of", "agent_runner/app/loop_watch.py",
        "if silent > self._longest and told != beat:", "if False:",
    ),
    # --- HTTP and SSE
    Defence(57, "unknown fields are refused", _BODIES, 'extra="forbid"', 'extra="ignore"'),
    Defence(57, "values are not converted", _BODIES, "strict=True", "strict=False"),
    Defence(
        57, "the parser's own failures are caught", _BODIES,
        "except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:",
        "except msgspec.MsgspecError as error:",
    ),
    Defence(
        58, "what comes is counted", _GATE, "if received > self._body_limit:", "if False:",
    ),
    Defence(
        58, "a body has a deadline", _GATE,
        "anyio.CancelScope(deadline=deadline)", "anyio.CancelScope()",
    ),
    Defence(
        59, "a key is looked up", "agent_runner/runs/service.py",
        "if (seen := await self._seen(agent_id, request)) is not None:",
        "if (seen := None) is not None:",
    ),
    Defence(
        59, "a key belongs to one request", "agent_runner/runs/service.py",
        "if run.request_hash != request.fingerprint():", "if False:",
    ),
    Defence(
        60, "only the first in the queue begins", "agent_runner/runs/queue.py",
        "if len(self._tickets) == 1:", "if True:",
    ),
    Defence(
        61, "a run does not end with its caller", "agent_runner/api/runs.py",
        "        await active.done.wait()\n    over",
        "        while not active.done.is_set():\n"
        "            if await request.is_disconnected():\n"
        "                active.request_stop('cancelled')\n"
        "            await __import__('anyio').sleep(0.001)\n"
        "    over",
    ),
    Defence(
        62, "a reader's queue has a limit", "agent_runner/bus/subscriber.py",
        "MAX_QUEUED_BYTES = 1 << 20", "MAX_QUEUED_BYTES = 1 << 60",
    ),
    Defence(
        63, "Last-Event-ID is where it goes on", _STREAMS,
        "after = int(header)", "after = 0",
    ),
    Defence(
        64, "an id has ASCII digits only", _STREAMS,
        "if not header.isascii() or not header.isdigit() or len(header) > 19:",
        "if not header.isdigit():",
    ),
    Defence(
        64, "an id from the future is refused", _STREAMS, "if after > last_seq:", "if False:",
    ),
    Defence(
        65, "streams have a cap", _STREAMS, "if self._open >= self._size:", "if False:",
    ),
    Defence(66, "a slot comes back", _STREAMS, "self._slots.leave()", "pass"),
    Defence(
        67, "what is not acknowledged ends a connection", "agent_runner/app/server.py",
        '        ("TCP_USER_TIMEOUT", patience_ms),\n', "",
    ),
    Defence(
        68, "line separators are escaped", "agent_runner/wire.py",
        "data = data.replace(raw, escaped)", "pass",
    ),
    Defence(
        69, "a foreign Host is refused", _GATE,
        "if host_name(host).lower() not in self._hosts:", "if False:",
    ),
    Defence(
        69, "a foreign Origin is refused", _GATE,
        'if origin is not None and origin.lower() not in self._origins | {f"http://{host.lower()}"}:',
        "if False:",
    ),
    Defence(
        69, "links and dots are followed before a folder is allowed", "agent_runner/api/agents.py",
        "real = path.resolve()", "real = path",
    ),
    Defence(
        70, "others get a turn between frames", _STREAMS,
        "await anyio.lowlevel.checkpoint()", "pass",
    ),
    Defence(
        70, "a stream waits for its queue", "agent_runner/bus/subscriber.py",
        "            self._wake = anyio.Event()\n            await self._wake.wait()\n",
        "            pass\n",
    ),
    # --- the database
    Defence(
        53, "the state folder is locked", "agent_runner/app/state_dir.py",
        "fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)", "pass",
    ),
    Defence(
        53, "each transaction proves its epoch", _COMMITTER,
        "            self.prove(connection)\n            transaction", "            transaction",
    ),
    Defence(
        71, "a transaction begins as a writer", _COMMITTER,
        'connection.execute("BEGIN IMMEDIATE")', 'connection.execute("BEGIN")',
    ),
    Defence(
        72, "the log is given back when its reader is gone", "conversation_store/sqlite/wal.py",
        "if self.size() >= TRUNCATE_BYTES and frames == folded:", "if False:",
    ),
    Defence(
        73, "a full disk is told from other faults", "conversation_store/sqlite/faults.py",
        "    sqlite3.SQLITE_FULL: StoreState.FULL,\n", "",
    ),
    Defence(
        74, "the reserve is given up", _COMMITTER,
        "return self._reserve is not None and self._reserve.release()", "return False",
    ),
    Defence(
        75, "a disk that does not work is waited out", "conversation_store/sqlite/faults.py",
        "    sqlite3.SQLITE_IOERR: StoreState.UNWRITABLE,\n", "",
    ),
    Defence(
        76, "damage is told from other faults", "conversation_store/sqlite/faults.py",
        "    sqlite3.SQLITE_CORRUPT: StoreState.CORRUPT,\n", "",
    ),
    Defence(
        77, "a migration is one transaction", "conversation_store/sqlite/migrate.py",
        'f"BEGIN IMMEDIATE;\\n{script}\\nPRAGMA user_version = {number};\\nCOMMIT;"',
        'f"{script}\\nPRAGMA user_version = {number};"',
    ),
    Defence(
        78, "deadlines are of the monotonic clock", "agent_runner/runners/cli_runner.py",
        "            now = anyio.current_time()\n",
        '            now = __import__("time").time_ns() / 1e9\n',
    ),
    Defence(
        79, "a sleep ends with its deadline", _WATCHDOG,
        "return min(deadline.due - now, soonest)", "return soonest",
    ),
    # --- approvals
    Defence(
        80, "a decision finds a pending approval or changes nothing",
        "conversation_store/sqlite/queries/approvals.sql",
        "WHERE approval_id = :approval_id AND state = 'pending' AND expires_at > :now\nRETURNING *;"
        "\n\n-- name: expire_approval",
        "WHERE approval_id = :approval_id AND expires_at > :now\nRETURNING *;"
        "\n\n-- name: expire_approval",
    ),
    Defence(
        81, "the end of a run voids what it asked",
        "conversation_store/sqlite/queries/approvals.sql",
        "WHERE run_id = :run_id AND state = 'pending'\nRETURNING *;",
        "WHERE run_id = :run_id AND state = 'none'\nRETURNING *;",
    ),
    Defence(
        81, "what is over is told apart from what is decided",
        "agent_runner/approvals/decision.py",
        """raise GoneError("approval_expired", f"nobody decided by {approval.expires_at}")""",
        "return",
    ),
    Defence(
        82, "a run that waits is not ended at the start", "agent_runner/runs/reconcile.py",
        "if run not in queued and run not in held:", "if run not in queued:",
    ),
    Defence(
        83, "an approval outlives the process that asked", "agent_runner/runs/outlet.py",
        'if event.decided_by == "exit":', "if False:",
    ),
    Defence(
        83, "nothing is told to what has just died", "agent_runner/runners/cli_process.py",
        "self._child.exit_code is not None or has_ended(self.pid, self.identity.start_ticks)",
        "self._child.exit_code is not None",
    ),
    Defence(
        84, "a changed question takes the first one back", "agent_runner/agents/protocol.py",
        "if before is not None and _asks_the_same(before, question):", "if before is not None:",
    ),
    Defence(
        84, "an answer is for the question that was shown", "agent_runner/runners/questions.py",
        "return self._open.get(question.request_id) == question",
        "return question.request_id in self._open",
    ),
    Defence(
        84, "an approval names what was seen", "agent_runner/approvals/decision.py",
        "(seen is not None and seen != approval.input_hash)", "False",
    ),
    Defence(
        85, "what is open already is not asked again", "agent_runner/agents/protocol.py",
        "if before is not None and _asks_the_same(before, question):", "if False:",
    ),
    Defence(
        85, "a question that was settled is denied", "agent_runner/runs/active.py",
        'await asker.answer(question, denial(SETTLED_BEFORE))', "pass",
    ),
    Defence(
        86, "what nobody decides expires", "agent_runner/approvals/service.py",
        "for approval_id in await self._approvals.due(now=self._clock.now(), limit=PAGE):",
        "for approval_id in list[str]():",
    ),
    Defence(
        86, "expiry denies", "agent_runner/approvals/decision.py",
        "return PermissionAnswer(allow=False, message=approval.reason)",
        "return PermissionAnswer(allow=True, message=approval.reason)",
    ),
)  # fmt: skip
