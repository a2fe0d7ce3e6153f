-- A process is recorded before it does any work, and forgotten when its whole tree is gone.
CREATE TABLE processes (
  process_id TEXT NOT NULL PRIMARY KEY,
  run_id TEXT NOT NULL,
  conversation_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  pid INTEGER NOT NULL,
  start_ticks INTEGER,
  boot_id TEXT NOT NULL,
  started_at TEXT NOT NULL
);

ALTER TABLE conversations ADD COLUMN session_at TEXT;

ALTER TABLE runs ADD COLUMN timeouts TEXT NOT NULL DEFAULT '{}';
ALTER TABLE runs ADD COLUMN idempotency_key TEXT;
ALTER TABLE runs ADD COLUMN request_hash TEXT;

CREATE UNIQUE INDEX runs_by_idempotency_key ON runs (agent_id, idempotency_key)
  WHERE idempotency_key IS NOT NULL;

-- One run at a time for each agent, whatever the code above believes.
CREATE UNIQUE INDEX one_active_run ON runs (agent_id)
  WHERE state IN ('starting', 'running', 'waiting_approval');

-- What the circuit breakers knew; `retry_at` is RFC 3339.
CREATE TABLE breakers (
  scope TEXT NOT NULL CHECK (scope IN ('type', 'agent')),
  name TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('closed', 'open', 'half_open')),
  failures INTEGER NOT NULL,
  openings INTEGER NOT NULL,
  code TEXT,
  retry_at TEXT,
  changed_at TEXT NOT NULL,
  PRIMARY KEY (scope, name)
);
