-- What the two legs of a shadow run did, side by side.

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

CREATE INDEX comparisons_by_time ON comparisons (created_at);
CREATE INDEX comparisons_by_conversation ON comparisons (conversation_id, kind);
CREATE INDEX comparisons_by_run ON comparisons (run_id);
CREATE INDEX comparisons_running ON comparisons (state) WHERE state = 'running';
