-- What the migrations add up to. Written by tests/conversation_store/sqlite/snapshot.py.

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
, name TEXT, description TEXT, metadata TEXT NOT NULL DEFAULT '{}');

CREATE TABLE conversations (
  conversation_id TEXT NOT NULL PRIMARY KEY,
  agent_id TEXT NOT NULL REFERENCES agents (agent_id),
  state TEXT NOT NULL CHECK (state IN ('open', 'ended')),
  session_id TEXT,
  last_event_seq INTEGER NOT NULL DEFAULT 0,
  last_turn_seq INTEGER NOT NULL DEFAULT 0,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
, session_at TEXT, session_mark TEXT, title TEXT, archived INTEGER NOT NULL DEFAULT 0 CHECK (archived IN (0, 1)), metadata TEXT NOT NULL DEFAULT '{}', forked_from TEXT, forked_seq INTEGER, fork_session TEXT, fork_message TEXT);

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
, epoch INTEGER NOT NULL DEFAULT 0, timeouts TEXT NOT NULL DEFAULT '{}', idempotency_key TEXT, request_hash TEXT, route TEXT NOT NULL DEFAULT '{}', trigger TEXT NOT NULL DEFAULT 'prompt'
  CHECK (trigger IN ('prompt', 'background')), caused_by TEXT, resets_at TEXT, model TEXT, steered_into TEXT, overrides TEXT NOT NULL DEFAULT '{}', queue_rank TEXT, tree TEXT);

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

CREATE TABLE lease (
  id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  owner TEXT NOT NULL,
  boot_id TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  since TEXT NOT NULL
);

CREATE TABLE maintenance (
  kind TEXT NOT NULL PRIMARY KEY,
  finished_at TEXT NOT NULL,
  report TEXT NOT NULL
);

CREATE TABLE processes (
  process_id TEXT NOT NULL PRIMARY KEY,
  run_id TEXT NOT NULL,
  conversation_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  pid INTEGER NOT NULL,
  start_ticks INTEGER,
  boot_id TEXT NOT NULL,
  started_at TEXT NOT NULL
, background TEXT NOT NULL DEFAULT '[]');

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
  delivery_error TEXT, extended_ms INTEGER NOT NULL DEFAULT 0,
  CHECK ((state = 'pending') = (decided_at IS NULL))
);

CREATE TABLE approval_events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  approval_id TEXT NOT NULL REFERENCES approvals (approval_id) ON DELETE CASCADE,
  type TEXT NOT NULL,
  time TEXT NOT NULL,
  payload BLOB NOT NULL
);

CREATE TABLE toggles (
  scope TEXT NOT NULL CHECK (scope IN ('agent', 'type', 'global')),
  name TEXT NOT NULL,
  mode TEXT NOT NULL CHECK (mode IN ('headless', 'tmux')),
  automatic INTEGER NOT NULL CHECK (automatic IN (0, 1)),
  reason TEXT NOT NULL,
  set_by TEXT NOT NULL,
  via TEXT NOT NULL,
  since TEXT NOT NULL,
  expires_at TEXT,
  evidence TEXT NOT NULL,
  PRIMARY KEY (scope, name)
);

CREATE TABLE toggle_events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  scope TEXT NOT NULL,
  name TEXT NOT NULL,
  type TEXT NOT NULL,
  time TEXT NOT NULL,
  payload BLOB NOT NULL
);

CREATE TABLE comparisons (
  comparison_id TEXT NOT NULL PRIMARY KEY,
  conversation_id TEXT NOT NULL REFERENCES conversations (conversation_id) ON DELETE CASCADE,
  run_id TEXT NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  agent_id TEXT NOT NULL REFERENCES agents (agent_id),
  agent_type TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('shadow', 'self')),
  primary_mode TEXT NOT NULL,
  mirror_mode TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('running', 'done', 'skipped')),
  skipped_because TEXT,
  verdict TEXT CHECK (verdict IN ('match', 'equivalent', 'mismatch', 'primary_failed',
    'mirror_failed', 'both_failed')),
  similarity REAL,
  reasons TEXT NOT NULL DEFAULT '[]',
  notes TEXT NOT NULL DEFAULT '[]',
  isolation TEXT NOT NULL CHECK (isolation IN ('worktree', 'copy', 'read_only', 'none')),
  primary_figures TEXT,
  mirror_figures TEXT,
  primary_body TEXT,
  mirror_body TEXT,
  mirror_session TEXT,
  created_at TEXT NOT NULL,
  finished_at TEXT,
  CHECK ((state = 'done') = (verdict IS NOT NULL)),
  CHECK ((state = 'skipped') = (skipped_because IS NOT NULL))
);

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

CREATE TABLE logins (
  login_hash TEXT NOT NULL PRIMARY KEY,
  expires_at TEXT NOT NULL
);

CREATE TABLE identity (store_id TEXT NOT NULL);

CREATE TABLE attachments (
  attachment_id TEXT NOT NULL PRIMARY KEY,
  sha256 TEXT NOT NULL UNIQUE,
  media_type TEXT NOT NULL,
  size INTEGER NOT NULL,
  created_at TEXT NOT NULL,
  used_at TEXT NOT NULL
);

CREATE TABLE turn_attachments (
  turn_id TEXT NOT NULL REFERENCES turns (turn_id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  attachment_id TEXT NOT NULL REFERENCES attachments (attachment_id),
  name TEXT NOT NULL,
  PRIMARY KEY (turn_id, position)
);

CREATE TABLE searched_turns (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  turn_id TEXT NOT NULL UNIQUE REFERENCES turns (turn_id) ON DELETE CASCADE,
  scope TEXT NOT NULL,
  content TEXT NOT NULL,
  created_at TEXT NOT NULL
);

CREATE VIRTUAL TABLE turn_search USING fts5 (
  content, scope, content = 'searched_turns', content_rowid = 'id',
  tokenize = 'unicode61 remove_diacritics 2', prefix = '3 4', detail = 'full'
);

CREATE INDEX runs_by_agent ON runs (agent_id, run_id);

CREATE INDEX turns_by_run ON turns (run_id);

CREATE INDEX events_by_run ON events (run_id, seq);

CREATE UNIQUE INDEX runs_by_idempotency_key ON runs (agent_id, idempotency_key)
  WHERE idempotency_key IS NOT NULL;

CREATE UNIQUE INDEX approvals_by_request ON approvals (process_id, request_id, input_hash);

CREATE INDEX approvals_by_run ON approvals (run_id);

CREATE INDEX approvals_by_agent ON approvals (agent_id, approval_id);

CREATE INDEX approvals_due ON approvals (expires_at) WHERE state = 'pending';

CREATE INDEX approvals_to_warn ON approvals (warn_at)
  WHERE state = 'pending' AND warned_at IS NULL;

CREATE INDEX approval_events_by_approval ON approval_events (approval_id);

CREATE INDEX comparisons_by_time ON comparisons (created_at);

CREATE INDEX comparisons_by_run ON comparisons (run_id);

CREATE INDEX comparisons_running ON comparisons (state) WHERE state = 'running';

CREATE INDEX pending_tickets ON tickets (agent_id, ticket_id) WHERE replied_at IS NULL;

CREATE UNIQUE INDEX tickets_by_idempotency_key ON tickets (agent_id, idempotency_key)
  WHERE idempotency_key IS NOT NULL;

CREATE INDEX conversations_by_agent ON conversations (agent_id, conversation_id);

CREATE INDEX runs_by_conversation ON runs (conversation_id, run_id);

CREATE INDEX pending_approvals ON approvals (approval_id) WHERE state = 'pending';

CREATE INDEX open_deliveries ON approvals (run_id) WHERE delivery IN ('waiting', 'resuming');

CREATE INDEX comparisons_by_conversation ON comparisons (conversation_id, kind, comparison_id);

CREATE INDEX turns_by_previous ON turns (conversation_id, previous_seq);

CREATE INDEX approvals_by_conversation ON approvals (conversation_id);

CREATE INDEX open_runs ON runs (run_id) WHERE finished_at IS NULL;

CREATE INDEX open_conversations ON conversations (agent_id, conversation_id)
  WHERE state = 'open';

CREATE UNIQUE INDEX one_active_run ON runs (agent_id)
  WHERE finished_at IS NULL AND state <> 'queued' AND trigger = 'prompt';

CREATE INDEX runs_by_cause ON runs (caused_by, run_id) WHERE caused_by IS NOT NULL;

CREATE INDEX conversations_by_activity ON conversations (agent_id, updated_at);

CREATE INDEX turn_attachments_by_attachment ON turn_attachments (attachment_id);

CREATE INDEX searched_turns_by_time ON searched_turns (created_at);

CREATE TRIGGER searched_turns_in AFTER INSERT ON searched_turns BEGIN
  INSERT INTO turn_search (rowid, content, scope) VALUES (new.id, new.content, new.scope);
END;

CREATE TRIGGER searched_turns_out AFTER DELETE ON searched_turns BEGIN
  INSERT INTO turn_search (turn_search, rowid, content, scope)
  VALUES ('delete', old.id, old.content, old.scope);
END;

CREATE TRIGGER searched_turns_changed AFTER UPDATE ON searched_turns BEGIN
  INSERT INTO turn_search (turn_search, rowid, content, scope)
  VALUES ('delete', old.id, old.content, old.scope);
  INSERT INTO turn_search (rowid, content, scope) VALUES (new.id, new.content, new.scope);
END;
