"""What to do about a run that ended without success, by its code.

`runbooks/errors.md` says more. A code after which nothing is to be done has no hint.
"""

from __future__ import annotations

from conversation_store.codes import FailureCode

HINTS: dict[str, str] = {
    FailureCode.AUTH_REQUIRED: "log the CLI in; `agent-runner doctor` shows each login",
    FailureCode.RATE_LIMITED: "wait until the limit resets (`resetsAt`, where it is known), then "
    "send the prompt again",
    FailureCode.OVERLOADED: "send the prompt again later",
    FailureCode.BILLING: "settle the account's credit or plan with the provider",
    FailureCode.MODEL_NOT_FOUND: "PATCH the agent's model; null takes the CLI's default",
    FailureCode.CONTEXT_TOO_LONG: "end the conversation and start a new one",
    FailureCode.INVALID_REQUEST: "read `error`: it is often an option of the agent",
    FailureCode.API_ERROR: "send the prompt again; if it stays, look at the provider's status page",
    FailureCode.CONNECTION_FAILED: "check network, proxy and certificates of this machine",
    FailureCode.REFUSED: "ask differently",
    FailureCode.MAX_TURNS: "send `continue`, or raise the agent's maxTurns",
    FailureCode.MAX_BUDGET: "raise the budget among the agent's extraArgs",
    FailureCode.MAX_OUTPUT: "ask for the answer in parts",
    FailureCode.STRUCTURED_OUTPUT: "check the schema, or send the prompt again",
    FailureCode.PERMISSION_DENIED: "allow the tool (allowedTools), or `permissions: allow`",
    FailureCode.SESSION_NOT_FOUND: "end the conversation (POST /agents/{agentId}/end-session) "
    "and send the prompt again",
    FailureCode.SESSION_BROKEN: "end the conversation (POST /agents/{agentId}/end-session) "
    "and send the prompt again",
    FailureCode.SESSION_IN_USE: "end the process that has the session open, or end the session "
    "here",
    FailureCode.UNTRUSTED_FOLDER: "start the CLI in the folder once by hand and trust it",
    FailureCode.NO_INPUT: "report it, with the run's raw log",
    FailureCode.PROMPT_REFUSED: "write the prompt another way, or run it headless",
    FailureCode.UNDELIVERED: "run the prompt headless; the notices show the terminal's screen",
    FailureCode.OUTPUT_LOST: "keep log rotators away from the state folder's raw/: the service "
    "bounds it by itself (`logs.*`); see what was done, and send the prompt again",
    FailureCode.NO_RESULT: "the state folder's raw/ has all that the CLI printed in this run",
    FailureCode.NO_ANSWER: "send the prompt again; if that stays so, end the conversation "
    "(POST /agents/{agentId}/end-session) first",
    FailureCode.BLOCKED_BY_HOOK: "change the prompt, or the hook in the CLI's own settings",
    FailureCode.GAVE_UP: "ask for less at a time, or end the conversation and start a new one",
    FailureCode.CLI_USAGE: "check the agent's extraArgs against the installed version",
    FailureCode.CLI_ERROR: "read `error` and the run's raw log",
    FailureCode.CLI_KILLED: "look at the system log; the machine may be short of memory",
    FailureCode.NOT_READING: "send the prompt again; if it stays, run the CLI by hand",
    FailureCode.PROTOCOL_ERROR: "compare the CLI's version with those in fixtures/",
    FailureCode.SPAWN_FAILED: "read `error`; reinstall the CLI",
    FailureCode.CLI_NOT_FOUND: "install the CLI, or set `programs`",
    FailureCode.CWD_MISSING: "create the folder, or PATCH the agent with another cwd",
    FailureCode.CWD_NOT_ALLOWED: "choose another cwd, or extend `allowed_roots`",
    FailureCode.INTERRUPTED: "send the prompt again; what was said until then is stored",
    FailureCode.TIMED_OUT: "give the run more time with timeoutMs",
    FailureCode.START_TIMEOUT: "run the CLI by hand, or give it more with timeouts.startMs",
    FailureCode.STALLED: "give it more with timeouts.noOutputMs, or set onStall to warn",
    FailureCode.MEMORY_LIMIT: "raise resources.memoryBytes of the agent, or give it less to do",
    FailureCode.CPU_LIMIT: "raise resources.cpuS of the agent",
    FailureCode.PROCESS_LIMIT: "raise resources.processes of the agent",
    FailureCode.OUTPUT_LIMIT: "raise resources.outputBytes of the agent",
    FailureCode.OOM_KILLED: "give the machine more memory, or set resources.memoryBytes",
    FailureCode.BACKGROUND_LOST: "send a prompt that has the work done again; a longer "
    "timeouts.sessionLifetimeMs lets a process live for it",
    FailureCode.QUEUE_TIMEOUT: "send the prompt again, or use another agent",
    FailureCode.CIRCUIT_OPEN: "`agent-runner circuits list` says for how long and why",
    FailureCode.APPROVAL_REJECTED: "read `error`; send another prompt",
    FailureCode.APPROVAL_EXPIRED: "send the prompt again; approvalExpiresMs gives more time",
    FailureCode.RESUME_FAILED: "read `error`; send the prompt again",
    FailureCode.INTERNAL: "the service's log has the details; report them",
}
