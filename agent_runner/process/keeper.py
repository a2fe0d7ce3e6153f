"""The keeper: a program of its own that stands between the service and every CLI process.

Started once as `python -I -S keeper.py FD [DESCRIPTORS]`, it is the *warden*: small, so that a
fork of it takes a millisecond. For each message on FD (one byte, with the end of a control
socket) it forks a *keeper*, which forks the process that will be its CLI, in a session of its
own, and is the subreaper of its tree: whatever a double fork or setsid orphans becomes the
keeper's child, so the tree is known without guessing. The control socket is a lifeline. When
the service is gone, even by SIGKILL, the keeper ends the tree: TERM, half a second later KILL,
until none is left. If a keeper itself is killed, the warden inherits its tree and kills it.

On the control socket the service writes one byte with the ends of three pipes, the length
(4 bytes, big endian) and the JSON of what to start: argv, cwd, the roots that cwd must lie in,
env, limits; then commands of one byte:

    g  let the held process go on to exec the CLI      t  TERM to the whole tree
    k  KILL the whole tree until none is left          s  the next byte is a signal for the CLI
    n  the tree is empty: hold the next process
    c  KILL what was started since the moment in the next 8 bytes:
       clock ticks since boot, as in field 22 of /proc/PID/stat

The keeper says in JSON lines: {"held": pid, "ticks": n}, unasked; {"started": true} or
{"failed": errno}, {"warning": name, ...}, {"limit": name, ...}, {"exit": code, "oom": bool},
{"empty": true}. Standard library only: it starts without site packages.
"""

import contextlib
import ctypes
import errno
import gc
import json
import os
import resource
import select
import signal
import socket
import sys
import time

sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))))

from agent_runner.process.frames import (
    frame,
    receive,
    receive_descriptors,
    receive_frame,
    send_descriptors,
)
from agent_runner.process.proc import (
    PROC_TELLS,
    children,
    cpu_seconds,
    descendants,
    memory_bytes,
    oom_kills,
    start_ticks,
)

PR_SET_CHILD_SUBREAPER = 36
LIFELINE_GRACE_S = 0.5
RESWEEP_S = 0.02
CALM_POLL_S = 0.5
OOM_COUNT_S = 2.0
TENSE_POLL_S = 0.1
SOFT_SHARE = 0.8
FREEZE_ROUNDS = 50
WARDEN_LEAVE_S = 10.0
OOM_SCORE = 500
ARGUMENT_BYTES = {b"s": 1, b"c": 8}
IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ)

# Looked up once, by the warden: half a millisecond that no keeper has to spend.
LIBC = ctypes.CDLL(None)


def become_subreaper() -> None:
    """Have orphans below this process become its children. Linux only."""
    if sys.platform == "linux":
        LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def wakeups() -> socket.socket:
    """A socket that becomes readable when a child ends."""
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    signal.set_wakeup_fd(os.dup(writer.fileno()), warn_on_full_buffer=False)
    writer.close()
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return reader


def drain(reader: socket.socket) -> None:
    """Empty a wakeup socket."""
    with contextlib.suppress(BlockingIOError):
        while reader.recv(4096):
            pass


def cpu_of_the_ended() -> float:
    """The seconds of every child that this process has waited for, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# --- one CLI --------------------------------------------------------------------------------


def keep(control: socket.socket, unusual: list[signal.Signals]) -> None:
    """Keep one CLI after the other until the service is gone, or wants no more."""
    become_subreaper()
    woken = wakeups()
    while Keeper(control, woken, unusual).run() and wanted_again(control):
        drain(woken)


def wanted_again(control: socket.socket) -> bool:
    """Whether the service has another use; commands to the tree that is empty come too late."""
    with contextlib.suppress(OSError):
        while command := control.recv(1):
            if command == b"n":
                return True
            receive(control, ARGUMENT_BYTES.get(command, 0))
    return False


class Keeper:
    """Starts one CLI and answers for its tree until none of it is left."""

    def __init__(
        self, control: socket.socket, woken: socket.socket, unusual: list[signal.Signals]
    ) -> None:
        self.control = control
        self.woken = woken
        self.unusual = unusual
        self.child = 0
        self.held: socket.socket
        self.failure = -1
        self.poll = select.poll()
        self.exited = False
        self.lifeline = True
        self.killing = False
        self.kill_at: float | None = None
        self.unread = b""
        self.limits: dict[str, int] = {}
        self.warned = False
        self.limited = False
        self.poll_s = CALM_POLL_S
        self.oom_kills = (0, 0)
        self.next_count = 0.0
        self.cpu_before = 0.0

    def run(self) -> bool:
        """Have a held process, wait for what it is to be, then live as long as the tree.

        False if it became nothing, or the service is gone.
        """
        try:
            self.fork_child()
        except OSError as error:
            self.say(failed=error.errno)
            return False
        self.say(held=self.child, ticks=start_ticks(self.child))
        streams = self.asked()
        spec = receive_frame(self.control) if streams else None
        if streams is None or spec is None:
            self.held.close()
            os.waitpid(self.child, 0)
            return False
        # While the service writes the process down, which does nothing before that.
        with contextlib.suppress(OSError):  # it was killed: told when it is reaped
            send_descriptors(self.held, streams)
            self.held.sendall(frame(spec))
        for descriptor in streams:
            os.close(descriptor)
        self.limits = json.loads(spec)["limits"]
        self.oom_kills = (oom_kills(), oom_kills())
        self.cpu_before = cpu_of_the_ended()
        self.watch()
        self.held.close()
        return self.lifeline

    def fork_child(self) -> None:
        """The process that will be the CLI, in wait for what that is."""
        self.held, far = socket.socketpair()
        self.failure, failure = os.pipe()
        with far:
            self.child = os.fork()
            if self.child == 0:
                self.control.close()
                self.held.close()
                become_cli(far, failure, self.unusual)
        os.close(failure)

    def asked(self) -> list[int] | None:
        """The CLI's streams; None if nobody wants it any more, or the held process was killed."""
        self.poll.register(self.control, select.POLLIN)
        self.poll.register(self.woken, select.POLLIN)
        if any(descriptor == self.control.fileno() for descriptor, _ in self.poll.poll()):
            return receive_descriptors(self.control)
        return None

    def say(self, **message: object) -> None:
        """One line to the service, if it is there."""
        with contextlib.suppress(OSError):
            self.control.sendall(json.dumps(message).encode() + b"\n")

    def watch(self) -> None:
        """Serve commands, limits and exits until no process is left."""
        self.poll.register(self.failure, select.POLLIN)
        next_look = time.monotonic() + self.poll_s
        while True:
            for descriptor, _ in self.poll.poll(self.timeout_ms(next_look)):
                if descriptor == self.woken.fileno():
                    drain(self.woken)
                elif descriptor == self.failure:
                    self.tell_start()
                elif not self.obey():
                    self.poll.unregister(self.control)
            if not self.reap():
                self.say(empty=True)
                return
            now = time.monotonic()
            if self.kill_at is not None and now >= self.kill_at:
                self.killing = True
            if self.killing:
                kill(self.tree())
            elif now >= next_look:
                self.look()
                next_look = now + self.poll_s

    def timeout_ms(self, next_look: float) -> int:
        """How long nothing need be done by itself."""
        if self.killing:
            return round(RESWEEP_S * 1000)
        due = next_look if self.kill_at is None else min(next_look, self.kill_at)
        return max(0, round((due - time.monotonic()) * 1000) + 1)

    def obey(self) -> bool:
        """Do what the service asks; False when it is gone."""
        try:
            commands = self.control.recv(256)
        except OSError:
            commands = b""
        if not commands:
            self.lifeline = False
            signal_all(self.tree(), signal.SIGTERM)
            self.kill_at = time.monotonic() + LIFELINE_GRACE_S
            return False
        self.unread += commands
        while self.unread and len(self.unread) > ARGUMENT_BYTES.get(self.unread[:1], 0):
            length = 1 + ARGUMENT_BYTES.get(self.unread[:1], 0)
            command, self.unread = self.unread[:length], self.unread[length:]
            self.do(command[:1], int.from_bytes(command[1:], "big"))
        return True

    def do(self, command: bytes, argument: int) -> None:
        """One command of the service."""
        if command == b"g":
            with contextlib.suppress(OSError):
                self.held.send(b"g")
        elif command == b"t":
            signal_all(self.tree(), signal.SIGTERM)
        elif command == b"k":
            self.killing = True
        elif command == b"s" and not self.exited:
            signal_all([self.child], argument)
        elif command == b"c":
            tree = [pid for pid in descendants(os.getpid()) if pid != self.child]
            kill([pid for pid in tree if (start_ticks(pid) or 0) >= argument])

    def tell_start(self) -> None:
        """The pipe closes with exec; before that it tells why there was none."""
        number, _, what = os.read(self.failure, 32).decode().partition(" ")
        self.poll.unregister(self.failure)
        os.close(self.failure)
        self.failure = -1
        self.say(**({"failed": int(number), "what": what} if number else {"started": True}))

    def reap(self) -> bool:
        """Take the exits there are; False when no child is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.child:
                if not PROC_TELLS:
                    kill(self.tree())
                self.exited = True
                if self.failure >= 0:
                    self.tell_start()
                code = os.waitstatus_to_exitcode(status)
                oom = code == -signal.SIGKILL and not self.killing and not self.limited
                self.say(exit=code, oom=oom and oom_kills() > self.oom_kills[0])

    def tree(self) -> list[int]:
        """All below; where /proc does not tell, the CLI's process group, as kill(2) has it."""
        if PROC_TELLS:
            return descendants(os.getpid())
        return [] if self.exited else [-self.child]

    def count_oom_kills(self) -> None:
        """The kernel counts for the whole machine: only what is new says something of our end."""
        if time.monotonic() >= self.next_count:
            self.next_count = time.monotonic() + OOM_COUNT_S
            self.oom_kills = (self.oom_kills[1], oom_kills())

    def look(self) -> None:
        """Hold the tree against its limits."""
        self.count_oom_kills()
        if not self.limits:
            return
        tree = descendants(os.getpid())
        used = {
            "processes": len(tree),
            "memory": sum(map(memory_bytes, tree)),
            "cpu": round(cpu_of_the_ended() - self.cpu_before + sum(map(cpu_seconds, tree))),
        }
        share = 0.0
        for name, limit in self.limits.items():
            share = max(share, used[name] / limit)
            if used[name] > limit and not self.limited:
                self.limited = self.killing = True
                kill(tree)
                self.say(limit=name, used=used[name], of=limit)
        memory = self.limits.get("memory")
        if memory and not self.warned and used["memory"] > memory * SOFT_SHARE:
            self.warned = True
            self.say(warning="memory", used=used["memory"], of=memory)
        self.poll_s = TENSE_POLL_S if share > 0.5 else CALM_POLL_S


def become_cli(held: socket.socket, failure: int, unusual: list[signal.Signals]) -> None:
    """In the fork: wait for what to be, get ready, wait for the start byte, then be it.

    The `unusual` signals have their default effect again. Never returns.
    """
    what = "start"
    try:
        signal.set_wakeup_fd(-1)
        for name in unusual:
            signal.signal(name, signal.SIG_DFL)
        os.setsid()
        streams, spec = receive_descriptors(held), receive_frame(held)
        if streams is None or spec is None:
            os._exit(0)
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
            file.write(str(OOM_SCORE))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for number, descriptor in enumerate(streams):
            os.dup2(descriptor, number)
        named = json.loads(spec)
        what = "cwd"
        os.chdir(named["cwd"])
        here = os.getcwd()
        what = "roots"
        check_place(here, named["roots"])
        what = "program"
        if held.recv(1) != b"g":
            os._exit(0)
        os.execve(named["argv"][0], named["argv"], named["env"])  # noqa: S606
    except OSError as error:
        os.write(failure, f"{error.errno} {what}".encode())
    except BaseException:
        os.write(failure, f"{errno.EINVAL} {what}".encode())
    finally:
        os._exit(127)


def check_place(here: str, roots: list[str]) -> None:
    """PermissionError if `here` lies in none of `roots`; none at all are no bound.

    Asked where the process is, not by the path that led there: what stands at a path may have
    been put there after any check of the path.
    """
    if roots and not any(f"{here}/".startswith(f"{root.rstrip('/')}/") for root in roots):
        raise PermissionError(errno.EACCES, here)


def signal_all(pids: list[int], number: int) -> None:
    """Signal each that is still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def kill(pids: list[int]) -> None:
    """Freeze `pids` and what they have started meanwhile, until nothing new appears; then kill."""
    frozen: set[int] = set()
    new = set(pids)
    for _ in range(FREEZE_ROUNDS):
        signal_all(list(new), signal.SIGSTOP)
        frozen |= new
        new = {p for pid in frozen for p in children(pid)} - frozen
        if not new:
            break
    signal_all(list(frozen | new), signal.SIGKILL)


# --- the warden -----------------------------------------------------------------------------


def warden(requests: socket.socket) -> None:
    """Have a keeper serve each request until the service is gone."""
    become_subreaper()
    woken = wakeups()
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    # What whoever started the service has blocked would stay so in each CLI.
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    unusual = unusual_signals()
    gc.freeze()
    keepers: set[int] = set()
    poll = select.poll()
    poll.register(requests, select.POLLIN)
    poll.register(woken, select.POLLIN)
    leave_at: float | None = None
    while leave_at is None or (keepers and time.monotonic() < leave_at):
        for descriptor, _ in poll.poll(200 if leave_at else None):
            if descriptor == woken.fileno():
                drain(woken)
            elif (descriptors := receive_descriptors(requests)) is None:
                poll.unregister(requests)
                leave_at = time.monotonic() + WARDEN_LEAVE_S
            else:
                for control in descriptors:
                    fork_keeper(socket.socket(fileno=control), unusual, keepers, requests, woken)
        bury(keepers)


def unusual_signals() -> list[signal.Signals]:
    """Those without their default effect; also because the service was started so, by nohup."""
    usual = (signal.SIG_DFL, None)
    return [name for name in signal.valid_signals() if signal.getsignal(name) not in usual]


def fork_keeper(
    control: socket.socket,
    unusual: list[signal.Signals],
    keepers: set[int],
    *own: socket.socket,
) -> None:
    """Fork a keeper that serves `control`; it has none of the warden's `own` sockets."""
    with control:
        try:
            pid = os.fork()
        except OSError as error:
            with contextlib.suppress(OSError):
                control.sendall(json.dumps({"failed": error.errno}).encode() + b"\n")
            return
        if pid == 0:
            code = 1
            try:
                for one in own:
                    one.close()
                keep(control, unusual)
                code = 0
            finally:
                os._exit(code)
        keepers.add(pid)


def bury(keepers: set[int]) -> None:
    """Take ended keepers; what a killed one left behind is ours now, and is killed."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            break
        keepers.discard(pid)
        if os.waitstatus_to_exitcode(status) == 0:
            continue
        while orphans := [p for p in children(os.getpid()) if p not in keepers]:
            kill([p for orphan in orphans for p in (orphan, *descendants(orphan))])
            for orphan in orphans:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(orphan, 0)


def limit_descriptors(soft: int) -> None:
    """Give all below the soft limit that the service found, not the one it took for itself.

    Programs that use select(), or close every descriptor there may be, need it low.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        limit_descriptors(int(sys.argv[2]))
    warden(socket.socket(fileno=int(sys.argv[1])))
