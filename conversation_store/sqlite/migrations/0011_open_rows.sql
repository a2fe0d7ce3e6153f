-- What has no end yet is open. A list of states would be built anew, as a table of its own,
-- for each row that is written: most of the price of a run's end.
DROP INDEX open_runs;
CREATE INDEX open_runs ON runs (run_id) WHERE finished_at IS NULL;

DROP INDEX one_active_run;
CREATE UNIQUE INDEX one_active_run ON runs (agent_id)
  WHERE finished_at IS NULL AND state <> 'queued';

-- The newest open conversation of an agent, however many have ended since.
CREATE INDEX open_conversations ON conversations (agent_id, conversation_id)
  WHERE state = 'open';
