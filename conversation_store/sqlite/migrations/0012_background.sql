-- What a CLI does by itself after an answer is a run of its own, beside those of prompts.
ALTER TABLE runs ADD COLUMN trigger TEXT NOT NULL DEFAULT 'prompt'
  CHECK (trigger IN ('prompt', 'background'));
ALTER TABLE runs ADD COLUMN caused_by TEXT;

DROP INDEX one_active_run;
CREATE UNIQUE INDEX one_active_run ON runs (agent_id)
  WHERE finished_at IS NULL AND state <> 'queued' AND trigger = 'prompt';

CREATE INDEX runs_by_cause ON runs (caused_by, run_id) WHERE caused_by IS NOT NULL;

-- What a process has left to do in the background: lost if the service dies with it.
ALTER TABLE processes ADD COLUMN background TEXT NOT NULL DEFAULT '[]';
