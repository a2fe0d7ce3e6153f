-- Messages for agents that poll, and the one reply to each.
CREATE TABLE tickets (
  ticket_id TEXT NOT NULL PRIMARY KEY,
  agent_id TEXT NOT NULL REFERENCES agents (agent_id),
  content TEXT NOT NULL,
  metadata TEXT NOT NULL,
  sender TEXT NOT NULL,
  created_at TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  idempotency_key TEXT,
  reply TEXT,
  reply_metadata TEXT,
  replied_by TEXT,
  replied_at TEXT,
  CHECK ((reply IS NULL) = (replied_at IS NULL))
);

CREATE INDEX pending_tickets ON tickets (agent_id, ticket_id) WHERE replied_at IS NULL;

CREATE UNIQUE INDEX tickets_by_idempotency_key ON tickets (agent_id, idempotency_key)
  WHERE idempotency_key IS NOT NULL;
