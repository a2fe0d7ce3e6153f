-- name: insert_run
INSERT INTO runs (run_id, conversation_id, agent_id, state, mode, reason, metadata,
  timeout_ms, timeouts, idempotency_key, request_hash, route, epoch, queued_at)
VALUES (:run_id, :conversation_id, :agent_id, :state, :mode, :reason, :metadata,
  :timeout_ms, :timeouts, :idempotency_key, :request_hash, :route, :epoch, :now);

-- name: insert_background_run
INSERT INTO runs (run_id, conversation_id, agent_id, state, mode, reason, form, metadata,
  timeout_ms, route, epoch, queued_at, started_at, trigger, caused_by)
VALUES (:run_id, :conversation_id, :agent_id, :state, :mode, :reason, :form, :metadata,
  :timeout_ms, :route, :epoch, :now, :now, 'background', :caused_by);

-- name: runs_caused_by
SELECT run_id FROM runs WHERE caused_by = :run_id ORDER BY run_id;

-- name: get_run
SELECT run_id, conversation_id, agent_id, state, code, error, hint, mode, reason, form,
  cli_version, session_id, exit_code, usage, cost_usd, metadata, timeout_ms, timeouts,
  queued_at, started_at, finished_at, duration_ms, request_hash, route, trigger, caused_by, resets_at
FROM runs WHERE run_id = :run_id;

-- name: run_by_idempotency_key
SELECT run_id FROM runs WHERE agent_id = :agent_id AND idempotency_key = :idempotency_key;

-- name: open_runs
SELECT run_id, conversation_id, agent_id, state, code, error, hint, mode, reason, form,
  cli_version, session_id, exit_code, usage, cost_usd, metadata, timeout_ms, timeouts,
  queued_at, started_at, finished_at, duration_ms, request_hash, route, trigger, caused_by, resets_at
FROM runs WHERE finished_at IS NULL ORDER BY run_id;

-- name: route_run
UPDATE runs SET mode = :mode, reason = :reason, route = :route WHERE run_id = :run_id;

-- name: move_run
UPDATE runs SET state = :state, started_at = coalesce(started_at, :started_at),
  form = coalesce(:form, form)
WHERE run_id = :run_id AND state IN (:source_1, :source_2);

-- name: finish_run
UPDATE runs SET state = :state, code = :code, error = :error, hint = :hint,
  started_at = coalesce(started_at, :started_at), form = coalesce(:form, form),
  session_id = :session_id, cli_version = :cli_version, exit_code = :exit_code,
  usage = :usage, cost_usd = :cost_usd, metadata = :metadata, finished_at = :now,
  duration_ms = :duration_ms, resets_at = :resets_at
WHERE run_id = :run_id AND finished_at IS NULL;

-- name: conversation_of_run
SELECT conversation_id FROM runs WHERE run_id = :run_id;

-- name: runs_of_conversation
SELECT run_id FROM runs WHERE conversation_id = :conversation_id ORDER BY run_id;

-- name: runs_before
SELECT run_id, conversation_id, agent_id, state, code, error, hint, mode, reason, form,
  cli_version, session_id, exit_code, usage, cost_usd, metadata, timeout_ms, timeouts,
  queued_at, started_at, finished_at, duration_ms, request_hash, route, trigger, caused_by, resets_at
FROM runs WHERE conversation_id = :conversation_id AND run_id < :run_id AND trigger = 'prompt'
ORDER BY run_id DESC LIMIT :limit;

-- name: version_before
SELECT cli_version FROM runs WHERE conversation_id = :conversation_id AND run_id < :run_id
  AND cli_version IS NOT NULL
ORDER BY run_id DESC LIMIT 1;

-- name: runs_of_agent
SELECT run_id FROM runs WHERE agent_id = :agent_id AND run_id >= :since
ORDER BY run_id DESC LIMIT :limit;
