"""A run's way to its end: on the warm process, on a resumed one, in a new session."""

from __future__ import annotations

import anyio
import msgspec
import structlog

from agent_runner import wire
from agent_runner.agents.custom import supervised_schema as supervised
from agent_runner.agents.registry import adapter_for
from agent_runner.approvals.service import ApprovalService
from agent_runner.events.message import TurnCompleted
from agent_runner.events.notice import Notice
from agent_runner.events.session import SessionQuarantined
from agent_runner.runners.cli_process import CliProcess
from agent_runner.runners.cli_runner import RunRequest
from agent_runner.runners.launcher import LaunchError
from agent_runner.runs.active import ActiveRun
from agent_runner.runs.fruitless import last_fruitless, may_be_the_session
from agent_runner.runs.history import MOST_TURNS, with_history
from agent_runner.runs.processes import Processes
from agent_runner.runs.resumption import Resumption
from conversation_store.codes import FailureCode
from conversation_store.interfaces import Store
from conversation_store.records import ApprovalRecord, ConversationRecord

RESUME_ATTEMPTS = 2
RESUME_PAUSE_S = 1.0
LAUNCH_PATIENCE_S = 2.0
"""For so long a program that an installer may be replacing is tried again."""

LAUNCH_PAUSE_S = 0.1

log = structlog.get_logger(__name__)


class NotBegunError(Exception):
    """The run was asked to end before a process had begun with it."""


class Attempts:
    """Runs one prompt; a process that cannot serve it is replaced as long as nothing was done.

    `began_process` once it has started one of its own.
    """

    def __init__(
        self,
        store: Store,
        processes: Processes,
        approvals: ApprovalService,
        active: ActiveRun,
        request: RunRequest,
    ) -> None:
        self._store = store
        self._processes = processes
        self._runner = processes.runner
        self._approvals = approvals
        self._active = active
        self._request = request
        self.began_process = False

    async def run(self) -> tuple[CliProcess, TurnCompleted]:
        """How the turn ended, and the process that gave it.

        LaunchError if none could be started, NotBegunError if none need be any more. A run
        that an approval holds (`active.held`) goes on where its last process was.
        """
        if self._active.held:
            process, turn_result = await self._after_decision()
        else:
            process, turn_result = await self._first()
        while not (turn_result.ok or process.alive or self._stopped):
            if not await self._approvals.held(self._active.run_id):
                break
            process, turn_result = await self._after_decision()
        return process, turn_result

    async def _first(self) -> tuple[CliProcess, TurnCompleted]:
        """On a process; if that did not take the prompt, on one more."""
        process, turn_result = await self._on_one()
        if not turn_result.untouched or self._stopped or self._active.progress.acted:
            return process, turn_result
        text = "the UI did not take the prompt: another one is given it"
        data = {"error": turn_result.error, "pid": process.pid}
        notice = Notice(code="ui_replaced", level="warning", message=text, data=data)
        await self._active.emit([notice])
        return await self._on_one()

    async def _on_one(self) -> tuple[CliProcess, TurnCompleted]:
        process = await self._processes.warm(self._active, self._request)
        if process is not None:
            if self._runner.launcher.replaced(process):
                await self._updated(process)
            turn_result = await self._turn(process, self._request, cold=False)
            died = not process.alive and process.last_output is None
            if self._stopped or not (died or self._may_be_the_session(turn_result)):
                return process, turn_result
            # Nothing was done with it: it had died, at the prompt perhaps, or cannot go on.
            log.info("warm_process_replaced", run_id=self._active.run_id, pid=process.pid)
            await self._runner.drop(self._request.conversation_id)
        conversation = await self._store.conversations.get(self._request.conversation_id)
        session_id = conversation.session_id
        if session_id is None:
            if conversation.fork_session is not None:
                return await self._forked(conversation, conversation.fork_session)
            return await self._on_new(None)
        ids = (self._request.conversation_id, self._active.run_id)
        last = await last_fruitless(self._store, *ids, RESUME_ATTEMPTS)
        if last is not None:
            failure = TurnCompleted(ok=False, code=last.code, error=last.error)
            return await self._in_new_session(conversation, failure)
        self._runner.set_back(self._request, session_id)
        for attempt in range(1, RESUME_ATTEMPTS + 1):
            process, turn_result = await self._on_new(session_id)
            if self._stopped or not self._may_be_the_session(turn_result):
                return process, turn_result
            await self._runner.drop(self._request.conversation_id)
            await self._resume_failed(attempt, turn_result)
        return await self._in_new_session(conversation, turn_result)

    async def _forked(
        self, conversation: ConversationRecord, session_id: str
    ) -> tuple[CliProcess, TurnCompleted]:
        """In a copy of another conversation's session; else in a new one that is told of it."""
        adapter = adapter_for(self._request.agent_type)
        form = self._runner.form_for(self._request)
        argv = adapter.fork_args(session_id, conversation.fork_message, form)
        if argv is not None:
            more = [*argv, *self._request.more_args]
            request = msgspec.structs.replace(self._request, more_args=more)
            process, turn_result = await self._on_new(None, request)
            if self._stopped or turn_result.code != FailureCode.SESSION_NOT_FOUND:
                return process, turn_result
            await self._runner.drop(self._request.conversation_id)
        request, given = await self._with_history(conversation)
        text = "the CLI cannot copy the session: a new one is told what was said"
        data = {"sessionId": session_id, "turns": given}
        notice = Notice(code="fork_by_history", level="warning", message=text, data=data)
        await self._active.emit([notice])
        return await self._on_new(None, request)

    def _may_be_the_session(self, turn_result: TurnCompleted) -> bool:
        """True if nothing was done or said, for a reason that may lie in the session's history."""
        if turn_result.ok or self._active.progress.acted or self._active.progress.said:
            return False
        if turn_result.code == FailureCode.NO_ANSWER:
            return not (turn_result.usage and turn_result.usage.output_tokens)
        return may_be_the_session(turn_result.code, turn_result.error)

    async def _in_new_session(
        self, conversation: ConversationRecord, failure: TurnCompleted
    ) -> tuple[CliProcess, TurnCompleted]:
        """Give the session up, unless a new one does no better: then it was not to blame."""
        session_id = conversation.session_id
        assert session_id is not None
        request, given = await self._with_history(conversation)
        await self._quarantine(session_id, failure, given)
        process, turn_result = await self._on_new(None, request)
        unknown = failure.code == FailureCode.SESSION_NOT_FOUND
        if not unknown and self._did_no_better(process, turn_result):
            await self._runner.drop(request.conversation_id)
            await self._store.conversations.set_session(
                request.conversation_id, session_id, now=wire.now()
            )
            text = "a new session did no better: the conversation keeps the one it had"
            data = {"sessionId": session_id}
            notice = Notice(code="session_kept", level="warning", message=text, data=data)
            await self._active.emit([notice])
            process.keep_session(session_id)
        return process, turn_result

    async def _with_history(self, conversation: ConversationRecord) -> tuple[RunRequest, int]:
        """The request behind the conversation's last messages, and how many it was given."""
        after = max(0, conversation.last_turn_seq - MOST_TURNS - 1)
        turns = await self._store.conversations.turns(
            conversation.conversation_id, after=after, limit=MOST_TURNS + 1
        )
        earlier = [turn for turn in turns if turn.run_id != self._active.run_id]
        prompt, given = with_history(earlier, self._request.prompt)
        request = msgspec.structs.replace(self._request, prompt=prompt)
        return (request, given) if self._runner.takes(request) else (self._request, 0)

    def _did_no_better(self, process: CliProcess, turn_result: TurnCompleted) -> bool:
        if self._stopped:
            return process.last_output is None and not turn_result.ok
        return self._may_be_the_session(turn_result)

    @property
    def _stopped(self) -> bool:
        return self._active.stop.asked.is_set()

    async def _after_decision(self) -> tuple[CliProcess, TurnCompleted]:
        """Wait for the decisions, then resume the session to let what was approved through.

        LaunchError `approval_rejected`, `approval_expired` or `resume_failed` ends the run.
        """
        active = self._active
        resumption = Resumption(self._approvals, await self._decisions())
        await resumption.check()
        for attempt in range(1, self._request.resume_attempts + 1):
            active.ask_of.grant(await resumption.begin())
            try:
                if resumption.of_tool:
                    return await self._tool_again(resumption)
                process, turn_result = await self._session_again(resumption)
            except LaunchError as error:
                why = str(error)
            else:
                began = process.last_output is not None
                if self._stopped or (began and turn_result.code != FailureCode.SESSION_NOT_FOUND):
                    await resumption.over(active.ask_of.unclaimed)
                    return process, turn_result
                why = turn_result.error or "the CLI did not resume its session"
            await resumption.again(why)
            with anyio.move_on_after(attempt * RESUME_PAUSE_S):
                await active.stop.asked.wait()
            if self._stopped:
                raise NotBegunError
        raise await resumption.failed(why)

    async def _session_again(self, resumption: Resumption) -> tuple[CliProcess, TurnCompleted]:
        """Have a new process of the CLI's session make the approved calls again."""
        conversation = await self._store.conversations.get(self._request.conversation_id)
        if conversation.session_id is None:
            raise LaunchError(FailureCode.RESUME_FAILED, "the CLI had not opened a session yet")
        self._runner.set_back(self._request, conversation.session_id)
        request = msgspec.structs.replace(self._request, prompt=resumption.prompt())
        self._runner.check_prompt(request)
        return await self._on_new(conversation.session_id, request)

    async def _tool_again(self, resumption: Resumption) -> tuple[CliProcess, TurnCompleted]:
        """Start a supervised tool again as at first, with the answers."""
        answers = await resumption.answers(self._active.run_id)
        request = msgspec.structs.replace(
            self._request,
            more_args=supervised.arguments(answers),
            more_env={**self._request.more_env, **supervised.environment(answers)},
        )
        await resumption.told()
        return await self._on_new(None, request)

    async def _decisions(self) -> list[ApprovalRecord]:
        """What was decided of the run's questions, once none is open."""
        decided: list[ApprovalRecord] | None = None
        async with anyio.create_task_group() as tasks:

            async def stop() -> None:
                await self._active.stop.asked.wait()
                tasks.cancel_scope.cancel()

            tasks.start_soon(stop)
            self._active.detach(waits=True)
            decided = await self._approvals.settled(self._active.run_id)
            self._active.detach(waits=False)
            tasks.cancel_scope.cancel()
        if decided is None or self._stopped:
            raise NotBegunError
        return decided

    async def _on_new(
        self, session_id: str | None, request: RunRequest | None = None
    ) -> tuple[CliProcess, TurnCompleted]:
        """The turn on a new process; `request` stands in the place of the run's own.

        A program that an installer is just putting in its place is waited for a moment.
        """
        request = request or self._request
        deadline = anyio.current_time() + LAUNCH_PATIENCE_S
        missed: str | None = None
        while True:
            try:
                process = await self._begun(session_id, request)
                break
            except LaunchError as error:
                if not error.passing or anyio.current_time() >= deadline:
                    raise
                missed = error.message
            with anyio.move_on_after(LAUNCH_PAUSE_S):
                await self._active.stop.asked.wait()
        if missed is not None:
            await self._active.emit([Notice(code="cli_awaited", level="info", message=missed)])
        return process, await self._turn(process, request, cold=True)

    async def _begun(self, session_id: str | None, request: RunRequest) -> CliProcess:
        if self._stopped:
            raise NotBegunError
        process = await self._processes.start(self._active, request, session_id)
        self.began_process = True
        return process

    async def _turn(self, process: CliProcess, request: RunRequest, *, cold: bool) -> TurnCompleted:
        active = self._active
        return await self._runner.turn(process, request, active, active.stop, cold=cold)

    async def _updated(self, process: CliProcess) -> None:
        notice = Notice(
            code="cli_updated",
            level="info",
            message="the CLI's program was replaced since this process began, which goes on as "
            "the one before; the next process is the new one",
            data={"program": process.program.path, "runs": process.cli_version},
        )
        await self._active.emit([notice])

    async def _resume_failed(self, attempt: int, turn_result: TurnCompleted) -> None:
        notice = Notice(
            code="session_resume_failed",
            level="warning",
            message=turn_result.error or "the CLI does not know its session",
            data={"attempt": attempt, "of": RESUME_ATTEMPTS},
        )
        await self._active.emit([notice])

    async def _quarantine(self, session_id: str, turn_result: TurnCompleted, given: int) -> None:
        """Give the session up: the conversation goes on in a new one, and says so."""
        await self._store.conversations.set_session(
            self._request.conversation_id, None, now=wire.now()
        )
        event = SessionQuarantined(
            session_id=session_id,
            attempts=RESUME_ATTEMPTS,
            error=turn_result.error,
            history_turns=given,
        )
        await self._active.emit([event])
