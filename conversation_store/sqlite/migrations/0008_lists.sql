-- Lists are read in the order of their ids, and what is open without what is over.
DROP INDEX conversations_by_agent;
CREATE INDEX conversations_by_agent ON conversations (agent_id, conversation_id);

DROP INDEX runs_by_conversation;
CREATE INDEX runs_by_conversation ON runs (conversation_id, run_id);

DROP INDEX runs_by_state;
CREATE INDEX open_runs ON runs (run_id)
  WHERE state IN ('queued', 'starting', 'running', 'waiting_approval');

CREATE INDEX pending_approvals ON approvals (approval_id) WHERE state = 'pending';
CREATE INDEX open_deliveries ON approvals (run_id) WHERE delivery IN ('waiting', 'resuming');

DROP INDEX comparisons_by_conversation;
CREATE INDEX comparisons_by_conversation ON comparisons (conversation_id, kind, comparison_id);
