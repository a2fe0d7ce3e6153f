-- When the limit that failed a run ends, where its CLI says so.
ALTER TABLE runs ADD COLUMN resets_at TEXT;
