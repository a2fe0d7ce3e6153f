-- name: insert_approval
INSERT INTO approvals (approval_id, conversation_id, run_id, agent_id, process_id, request_id,
  tool_call_id, kind, tool, question, input, input_hash, nonce, options, hints, features,
  deciders, state, created_at, expires_at, warn_at, delivery)
SELECT :approval_id, :conversation_id, run_id, :agent_id, :process_id, :request_id,
  :tool_call_id, :kind, :tool, :question, :input, :input_hash, :nonce, :options, :hints,
  :features, :deciders, 'pending', :now, :expires_at, :warn_at, 'none'
FROM runs WHERE run_id = :run_id AND state IN ('running', 'waiting_approval')
ON CONFLICT (process_id, request_id, input_hash) DO NOTHING
RETURNING *;

-- name: decide_approval
UPDATE approvals SET state = :state, decision = :decision, decided_by = :decided_by,
  decided_via = :decided_via, decided_at = :now, reason = :reason, delivery = :delivery
WHERE approval_id = :approval_id AND state = 'pending' AND expires_at > :now
RETURNING *;

-- name: expire_approval
UPDATE approvals SET state = 'expired', decided_via = 'expiry', decided_at = :now,
  reason = :reason, delivery = :delivery
WHERE approval_id = :approval_id AND state = 'pending' AND expires_at <= :now
RETURNING *;

-- name: void_approval
UPDATE approvals SET state = 'voided', decided_via = 'run', decided_at = :now, reason = :reason
WHERE approval_id = :approval_id AND state = 'pending'
RETURNING *;

-- name: move_approval
UPDATE approvals SET run_id = :run_id
WHERE approval_id = :approval_id AND state = 'pending'
  AND EXISTS (SELECT 1 FROM runs WHERE run_id = :run_id AND finished_at IS NULL)
RETURNING *;

-- name: run_asked
SELECT EXISTS (SELECT 1 FROM approvals WHERE run_id = :run_id);

-- name: void_approvals_of_run
UPDATE approvals SET state = 'voided', decided_via = 'run', decided_at = :now, reason = :reason
WHERE run_id = :run_id AND state = 'pending'
RETURNING *;

-- name: fail_deliveries_of_run
UPDATE approvals SET delivery = 'failed', delivery_error = :error
WHERE run_id = :run_id AND delivery IN ('waiting', 'resuming')
RETURNING *;

-- name: extend_approval
UPDATE approvals SET expires_at = :expires_at, warn_at = :warn_at, warned_at = NULL,
  extensions = extensions + 1, extended_ms = extended_ms + :by_ms
WHERE approval_id = :approval_id AND state = 'pending' AND expires_at > :now
RETURNING *;

-- name: warn_approval
UPDATE approvals SET warned_at = :now
WHERE approval_id = :approval_id AND state = 'pending' AND warned_at IS NULL
  AND warn_at <= :now AND expires_at > :now
RETURNING *;

-- name: move_delivery
UPDATE approvals SET delivery = CASE
    WHEN :target IN ('waiting', 'resuming') AND run_id IN (
      SELECT run_id FROM runs JOIN run_states ON run_states.name = runs.state
      WHERE run_id = approvals.run_id AND run_states.terminal
    ) THEN 'failed' ELSE :target END, delivery_error = :error,
  delivery_attempts = delivery_attempts + :attempts
WHERE approval_id = :approval_id AND delivery = :source
RETURNING *;

-- name: pending_of_run
SELECT count(*) FROM approvals WHERE run_id = :run_id AND state = 'pending';

-- name: insert_approval_event
INSERT INTO approval_events (approval_id, type, time, payload) VALUES (?, ?, ?, ?);

-- name: get_approval
SELECT * FROM approvals WHERE approval_id = :approval_id;

-- name: approvals_of_run
SELECT * FROM approvals WHERE run_id = :run_id ORDER BY approval_id;

-- name: list_approvals
SELECT * FROM approvals
WHERE (:state IS NULL OR state = :state) AND (:agent_id IS NULL OR agent_id = :agent_id)
  AND (:run_id IS NULL OR run_id = :run_id) AND (:before IS NULL OR approval_id < :before)
ORDER BY approval_id DESC LIMIT :limit;

-- name: list_pending_approvals
SELECT * FROM approvals
WHERE state = 'pending' AND (:agent_id IS NULL OR agent_id = :agent_id)
  AND (:run_id IS NULL OR run_id = :run_id) AND (:before IS NULL OR approval_id < :before)
ORDER BY approval_id DESC LIMIT :limit;

-- name: count_pending
SELECT count(*) FROM approvals WHERE state = 'pending';

-- name: due_approvals
SELECT approval_id FROM approvals WHERE state = 'pending' AND expires_at <= :now
ORDER BY expires_at LIMIT :limit;

-- name: approvals_to_warn
SELECT approval_id FROM approvals
WHERE state = 'pending' AND warned_at IS NULL AND warn_at <= :now ORDER BY warn_at LIMIT :limit;

-- name: next_approval_moment
SELECT min(moment) FROM (
  SELECT min(expires_at) AS moment FROM approvals WHERE state = 'pending'
  UNION ALL
  SELECT min(warn_at) FROM approvals WHERE state = 'pending' AND warned_at IS NULL
) AS moments;

-- name: held_runs
SELECT run_id FROM approvals WHERE state = 'pending'
UNION SELECT run_id FROM approvals WHERE delivery IN ('waiting', 'resuming');

-- name: approval_events_after
SELECT seq, approval_id, type, time, payload FROM approval_events
WHERE seq > :after ORDER BY seq LIMIT :limit;

-- name: last_approval_event
SELECT coalesce(max(seq), 0) FROM approval_events;
