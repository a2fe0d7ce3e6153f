-- A question that a run waits on, and the one decision on it.
CREATE TABLE approvals (
  approval_id TEXT NOT NULL PRIMARY KEY,
  conversation_id TEXT NOT NULL REFERENCES conversations (conversation_id) ON DELETE CASCADE,
  run_id TEXT NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  agent_id TEXT NOT NULL REFERENCES agents (agent_id),
  process_id TEXT NOT NULL,
  request_id TEXT NOT NULL,
  tool_call_id TEXT,
  kind TEXT NOT NULL CHECK (kind IN ('permission', 'question', 'plan', 'tool')),
  tool TEXT NOT NULL,
  question TEXT NOT NULL,
  input TEXT NOT NULL,
  input_hash TEXT NOT NULL,
  nonce TEXT NOT NULL,
  options TEXT NOT NULL,
  hints TEXT NOT NULL,
  features TEXT NOT NULL,
  deciders TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'rejected', 'expired', 'voided')),
  created_at TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  warn_at TEXT NOT NULL,
  warned_at TEXT,
  extensions INTEGER NOT NULL DEFAULT 0,
  decision TEXT,
  decided_by TEXT,
  decided_via TEXT,
  decided_at TEXT,
  reason TEXT,
  delivery TEXT NOT NULL
    CHECK (delivery IN ('none', 'waiting', 'resuming', 'delivered', 'failed')),
  delivery_attempts INTEGER NOT NULL DEFAULT 0,
  delivery_error TEXT,
  CHECK ((state = 'pending') = (decided_at IS NULL))
);

-- A process asks a thing once: the same request again is the same approval.
CREATE UNIQUE INDEX approvals_by_request ON approvals (process_id, request_id, input_hash);
CREATE INDEX approvals_by_run ON approvals (run_id);
CREATE INDEX approvals_by_agent ON approvals (agent_id, approval_id);
CREATE INDEX approvals_due ON approvals (expires_at) WHERE state = 'pending';
CREATE INDEX approvals_to_warn ON approvals (warn_at)
  WHERE state = 'pending' AND warned_at IS NULL;

-- What happened to approvals, in order; `seq` is never used twice.
CREATE TABLE approval_events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  approval_id TEXT NOT NULL REFERENCES approvals (approval_id) ON DELETE CASCADE,
  type TEXT NOT NULL,
  time TEXT NOT NULL,
  payload BLOB NOT NULL
);

CREATE INDEX approval_events_by_approval ON approval_events (approval_id);
