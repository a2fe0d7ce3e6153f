"""What to do about a refusal, by its code, where whoever refuses knows nothing better.

`runbooks/errors.md` says the same. A code after which nothing is to be done has no hint.
"""

from __future__ import annotations

HINTS = {
    "invalid_json": "send valid JSON in UTF-8",
    "invalid_body": "`error` names the field; `/openapi.json` has the schema",
    "invalid_parameter": "correct it, or leave it out",
    "invalid_cursor": "send the id of the last event you got",
    "missing_host": "use an HTTP/1.1 client",
    "invalid_idempotency_key": "send a UUID",
    "origin_not_allowed": "add its origin to `server.allowed_origins`",
    "route_not_found": "see `/openapi.json`",
    "agent_not_found": "`agent-runner agents list` or `GET /agents` lists them",
    "conversation_not_found": "`agent-runner conversations list AGENT` or "
    "`GET /agents/{agentId}/conversations` lists them",
    "approval_not_found": "`agent-runner approvals list` or `GET /approvals` lists them",
    "run_not_found": "check the id; a deleted conversation takes its runs along",
    "comparison_not_found": "`agent-runner shadow mismatches` lists them; a deleted conversation "
    "takes its comparisons along",
    "turn_not_found": "check the id; `GET /agents/{agentId}/conversation` has the turns",
    "method_not_allowed": "see `/openapi.json`",
    "agent_exists": "PATCH it, or DELETE it first",
    "conversation_busy": "cancel it or wait",
    "conversation_ended": "leave `conversationId` out: a new one starts",
    "nothing_running": "replay the conversation's events instead",
    "body_too_large": "send less, or raise `limits.body_bytes`",
    "body_timeout": "send it faster, or in one piece",
    "json_too_large": "send less, or raise `limits.json_bytes`",
    "json_too_deep": "send less nested JSON",
    "prompt_too_large": "put the text into a file and name it",
    "unsupported_media_type": "send `Content-Type: application/json`",
    "empty_prompt": "send a text",
    "invalid_prompt": "remove it",
    "unknown_option": "send one that the approval offers, or `decision` alone",
    "approval_too_long": "ask for less",
    "extension_too_long": "ask for less",
    "timeout_too_long": "ask for less, or raise the limit",
    "invalid_cwd": "send one that begins with `/`",
    "invalid_option": "`error` names it",
    "unsupported_option": "leave it out",
    "invalid_session_id": "end the session and start a new one",
    "ticket_not_found": "`GET /agents/{agentId}/tickets/pending` lists those that wait",
    "ticket_expired": "nobody waits for it; send a new message",
    "already_replied": "`GET /replies/{ticketId}` has it",
    "no_toggle": "`agent-runner fallback status` lists what is",
    "too_many_streams": "close some, or raise `limits.stream_clients`",
    "shutting_down": "try again after its restart, with the same Idempotency-Key",
    "disk_full": "free some space; the service goes on by itself within seconds",
    "database_locked": "close it; the service goes on by itself",
    "database_unwritable": "look at the disk and at the state folder's rights; the service goes on "
    "by itself",
    "database_corrupt": "stop the service and restore the backup it names, see "
    "runbooks/database.md",
    "fenced": "let only one service use the state folder",
    "maintenance_failed": "`error` says what; look at the state folder's rights and disk",
    "store_closed": "try again after its restart",
    "http_error": "read `error`",
}
