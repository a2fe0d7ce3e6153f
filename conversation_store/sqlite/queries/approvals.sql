-- name: insert_approval
INSERT INTO approvals ({NewApproval}, state, delivery)
SELECT {:NewApproval}, 'pending', 'none'
FROM runs WHERE run_id = :run_id AND state IN ('running', 'waiting_approval')
ON CONFLICT (process_id, request_id, input_hash) DO NOTHING
RETURNING {ApprovalRecord};

-- name: decide_approval
UPDATE approvals SET state = :state, decision = :decision, decided_by = :decided_by,
  decided_via = :decided_via, decided_at = :now, reason = :reason, delivery = :delivery
WHERE approval_id = :approval_id AND state = 'pending' AND expires_at > :now
RETURNING {ApprovalRecord};

-- name: expire_approval
UPDATE approvals SET state = 'expired', decided_via = 'expiry', decided_at = :now,
  reason = :reason, delivery = :delivery
WHERE approval_id = :approval_id AND state = 'pending' AND expires_at <= :now
RETURNING {ApprovalRecord};

-- name: void_approval
UPDATE approvals SET state = 'voided', decided_via = 'run', decided_at = :now, reason = :reason
WHERE approval_id = :approval_id AND state = 'pending'
RETURNING {ApprovalRecord};

-- name: move_approval
UPDATE approvals SET run_id = :run_id
WHERE approval_id = :approval_id AND state = 'pending'
  AND EXISTS (SELECT 1 FROM runs WHERE run_id = :run_id AND finished_at IS NULL)
RETURNING {ApprovalRecord};

-- name: run_asked
SELECT EXISTS (SELECT 1 FROM approvals WHERE run_id = :run_id);

-- name: void_approvals_of_run
UPDATE approvals SET state = 'voided', decided_via = 'run', decided_at = :now, reason = :reason
WHERE run_id = :run_id AND state = 'pending'
RETURNING {ApprovalRecord};

-- name: fail_deliveries_of_run
UPDATE approvals SET delivery = 'failed', delivery_error = :error
WHERE run_id = :run_id AND delivery IN ('waiting', 'resuming')
RETURNING {ApprovalRecord};

-- name: extend_approval
UPDATE approvals SET expires_at = :expires_at, warn_at = :warn_at, warned_at = NULL,
  extensions = extensions + 1, extended_ms = extended_ms + :by_ms
WHERE approval_id = :approval_id AND state = 'pending' AND expires_at > :now
RETURNING {ApprovalRecord};

-- name: warn_approval
UPDATE approvals SET warned_at = :now
WHERE approval_id = :approval_id AND state = 'pending' AND warned_at IS NULL
  AND warn_at <= :now AND expires_at > :now
RETURNING {ApprovalRecord};

-- name: move_delivery
UPDATE approvals SET delivery = CASE
    WHEN :target IN ('waiting', 'resuming') AND run_id IN (
      SELECT run_id FROM runs JOIN run_states ON run_states.name = runs.state
      WHERE run_id = approvals.run_id AND run_states.terminal
    ) THEN 'failed' ELSE :target END, delivery_error = :error,
  delivery_attempts = delivery_attempts + :attempts
WHERE approval_id = :approval_id AND delivery = :source
RETURNING {ApprovalRecord};

-- name: pending_of_run
SELECT count(*) FROM approvals WHERE run_id = :run_id AND state = 'pending';

-- name: insert_approval_event
INSERT INTO approval_events (approval_id, type, time, payload) VALUES (?, ?, ?, ?);

-- name: get_approval
SELECT {ApprovalRecord} FROM approvals WHERE approval_id = :approval_id;

-- name: approvals_of_run
SELECT {ApprovalRecord} FROM approvals WHERE run_id = :run_id ORDER BY approval_id;

-- name: list_approvals
SELECT {ApprovalRecord} FROM approvals
WHERE (:state IS NULL OR state = :state) AND (:agent_id IS NULL OR agent_id = :agent_id)
  AND (:run_id IS NULL OR run_id = :run_id) AND (:before IS NULL OR approval_id < :before)
ORDER BY approval_id DESC LIMIT :limit;

-- name: list_pending_approvals
SELECT {ApprovalRecord} FROM approvals
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
SELECT {ApprovalEventRecord} FROM approval_events
WHERE seq > :after ORDER BY seq LIMIT :limit;

-- name: last_approval_event
SELECT coalesce(max(seq), 0) FROM approval_events;
