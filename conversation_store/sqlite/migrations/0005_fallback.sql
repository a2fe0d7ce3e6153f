-- Which mode each run took and why, and what stands against a mode.

ALTER TABLE runs ADD COLUMN route TEXT NOT NULL DEFAULT '{}';

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
