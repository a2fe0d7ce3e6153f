-- name: insert_run
INSERT INTO runs ({RunRecord}, idempotency_key, epoch)
VALUES ({:RunRecord}, :idempotency_key, :epoch);

-- name: runs_caused_by
SELECT run_id FROM runs WHERE caused_by = :run_id ORDER BY run_id;

-- name: get_run
SELECT {RunRecord} FROM runs WHERE run_id = :run_id;

-- name: run_by_idempotency_key
SELECT run_id FROM runs WHERE agent_id = :agent_id AND idempotency_key = :idempotency_key;

-- name: open_runs
SELECT {RunRecord} FROM runs WHERE finished_at IS NULL ORDER BY run_id;

-- name: route_run
UPDATE runs SET mode = :mode, reason = :reason, route = :route WHERE run_id = :run_id;

-- name: move_run
UPDATE runs SET state = :state, started_at = coalesce(started_at, :started_at),
  form = coalesce(:form, form)
WHERE run_id = :run_id AND state IN (:source_1, :source_2);

-- name: finish_run
UPDATE runs SET {RunEnd=}, finished_at = :now,
  started_at = coalesce(started_at, :started_at), form = coalesce(:form, form)
WHERE run_id = :run_id AND finished_at IS NULL;

-- name: conversation_of_run
SELECT conversation_id FROM runs WHERE run_id = :run_id;

-- name: runs_of_conversation
SELECT run_id FROM runs WHERE conversation_id = :conversation_id ORDER BY run_id;

-- name: runs_before
SELECT {RunRecord} FROM runs WHERE conversation_id = :conversation_id AND run_id < :run_id AND trigger = 'prompt'
ORDER BY run_id DESC LIMIT :limit;

-- name: version_before
SELECT cli_version FROM runs WHERE conversation_id = :conversation_id AND run_id < :run_id
  AND cli_version IS NOT NULL
ORDER BY run_id DESC LIMIT 1;

-- name: runs_of_agent
SELECT run_id FROM runs WHERE agent_id = :agent_id AND run_id >= :since
ORDER BY run_id DESC LIMIT :limit;
