CREATE TABLE run_states (
  name TEXT NOT NULL PRIMARY KEY,
  terminal INTEGER NOT NULL CHECK (terminal IN (0, 1))
);

CREATE TABLE agents (
  agent_id TEXT NOT NULL PRIMARY KEY,
  type TEXT NOT NULL,
  comm_mode TEXT NOT NULL,
  options TEXT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  deleted_at TEXT
);

CREATE TABLE conversations (
  conversation_id TEXT NOT NULL PRIMARY KEY,
  agent_id TEXT NOT NULL REFERENCES agents (agent_id),
  state TEXT NOT NULL CHECK (state IN ('open', 'ended')),
  session_id TEXT,
  last_event_seq INTEGER NOT NULL DEFAULT 0,
  last_turn_seq INTEGER NOT NULL DEFAULT 0,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
);

CREATE INDEX conversations_by_agent ON conversations (agent_id, created_at);

CREATE TABLE runs (
  run_id TEXT NOT NULL PRIMARY KEY,
  conversation_id TEXT NOT NULL REFERENCES conversations (conversation_id) ON DELETE CASCADE,
  agent_id TEXT NOT NULL REFERENCES agents (agent_id),
  state TEXT NOT NULL REFERENCES run_states (name),
  code TEXT,
  error TEXT,
  hint TEXT,
  mode TEXT NOT NULL,
  reason TEXT NOT NULL,
  form TEXT,
  cli_version TEXT,
  session_id TEXT,
  exit_code INTEGER,
  usage TEXT,
  cost_usd REAL,
  metadata TEXT NOT NULL,
  timeout_ms INTEGER NOT NULL,
  queued_at TEXT NOT NULL,
  started_at TEXT,
  finished_at TEXT,
  duration_ms INTEGER
);

CREATE INDEX runs_by_conversation ON runs (conversation_id, queued_at);
CREATE INDEX runs_by_agent ON runs (agent_id, run_id);
CREATE INDEX runs_by_state ON runs (state);

-- A turn's number follows that of the turn before it, and the database says so.
CREATE TABLE turns (
  turn_id TEXT NOT NULL PRIMARY KEY,
  conversation_id TEXT NOT NULL REFERENCES conversations (conversation_id) ON DELETE CASCADE,
  seq INTEGER NOT NULL CHECK (seq >= 1),
  previous_seq INTEGER,
  role TEXT NOT NULL CHECK (role IN ('user', 'assistant', 'system')),
  direction TEXT NOT NULL CHECK (direction IN ('inbound', 'outbound')),
  content TEXT NOT NULL,
  run_id TEXT REFERENCES runs (run_id) ON DELETE CASCADE,
  metadata TEXT NOT NULL,
  created_at TEXT NOT NULL,
  UNIQUE (conversation_id, seq),
  CHECK (
    (seq = 1 AND previous_seq IS NULL)
    OR (seq > 1 AND previous_seq IS NOT NULL AND previous_seq = seq - 1)
  ),
  FOREIGN KEY (conversation_id, previous_seq) REFERENCES turns (conversation_id, seq)
    DEFERRABLE INITIALLY DEFERRED
);

CREATE INDEX turns_by_run ON turns (run_id);

-- `payload` is the event's JSON as it was appended, byte for byte.
CREATE TABLE events (
  conversation_id TEXT NOT NULL REFERENCES conversations (conversation_id) ON DELETE CASCADE,
  seq INTEGER NOT NULL CHECK (seq >= 1),
  run_id TEXT REFERENCES runs (run_id) ON DELETE CASCADE,
  type TEXT NOT NULL,
  time TEXT NOT NULL,
  payload BLOB NOT NULL,
  size INTEGER NOT NULL,
  PRIMARY KEY (conversation_id, seq)
);

CREATE INDEX events_by_run ON events (run_id, seq);
