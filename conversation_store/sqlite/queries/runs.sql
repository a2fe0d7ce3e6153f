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
SELECT {RunRecord} FROM runs WHERE finished_at IS NULL ORDER BY coalesce(queue_rank, run_id), run_id;

-- name: waiting_run
SELECT conversation_id, (SELECT turn_id FROM turns
  WHERE turns.run_id = runs.run_id AND turns.direction = 'inbound' ORDER BY seq LIMIT 1)
FROM runs WHERE run_id = :run_id AND state = 'queued';

-- name: waiting_ranks
SELECT run_id, coalesce(queue_rank, run_id) FROM runs
WHERE agent_id = :agent_id AND finished_at IS NULL AND state = 'queued'
ORDER BY coalesce(queue_rank, run_id), run_id;

-- name: rank_run
UPDATE runs SET queue_rank = :rank WHERE run_id = :run_id;

-- name: note_tree
UPDATE runs SET tree = :tree WHERE run_id = :run_id;

-- name: usage_by_agent
SELECT +agent_id, count(*), count(usage), count(cost_usd),
  sum(CASE WHEN json_valid(usage) THEN json_extract(usage, '$.inputTokens') END), sum(CASE WHEN json_valid(usage) THEN json_extract(usage, '$.outputTokens') END),
  sum(CASE WHEN json_valid(usage) THEN json_extract(usage, '$.cacheReadTokens') END), sum(CASE WHEN json_valid(usage) THEN json_extract(usage, '$.cacheWriteTokens') END),
  sum(CASE WHEN json_valid(usage) THEN json_extract(usage, '$.reasoningTokens') END), sum(cost_usd)
FROM runs WHERE queued_at >= :since AND run_id >= :first
  AND (:agent_id IS NULL OR agent_id = :agent_id)
GROUP BY 1 ORDER BY 1;

-- name: usage_by_conversation
SELECT +conversation_id, count(*), count(usage), count(cost_usd),
  sum(CASE WHEN json_valid(usage) THEN json_extract(usage, '$.inputTokens') END), sum(CASE WHEN json_valid(usage) THEN json_extract(usage, '$.outputTokens') END),
  sum(CASE WHEN json_valid(usage) THEN json_extract(usage, '$.cacheReadTokens') END), sum(CASE WHEN json_valid(usage) THEN json_extract(usage, '$.cacheWriteTokens') END),
  sum(CASE WHEN json_valid(usage) THEN json_extract(usage, '$.reasoningTokens') END), sum(cost_usd)
FROM runs WHERE queued_at >= :since AND run_id >= :first
  AND (:agent_id IS NULL OR agent_id = :agent_id)
GROUP BY 1 ORDER BY 1;

-- name: usage_by_model
SELECT model, count(*), count(usage), count(cost_usd),
  sum(CASE WHEN json_valid(usage) THEN json_extract(usage, '$.inputTokens') END), sum(CASE WHEN json_valid(usage) THEN json_extract(usage, '$.outputTokens') END),
  sum(CASE WHEN json_valid(usage) THEN json_extract(usage, '$.cacheReadTokens') END), sum(CASE WHEN json_valid(usage) THEN json_extract(usage, '$.cacheWriteTokens') END),
  sum(CASE WHEN json_valid(usage) THEN json_extract(usage, '$.reasoningTokens') END), sum(cost_usd)
FROM runs WHERE queued_at >= :since AND run_id >= :first
  AND (:agent_id IS NULL OR agent_id = :agent_id)
GROUP BY 1 ORDER BY 1;

-- name: usage_by_day
SELECT substr(queued_at, 1, 10), count(*), count(usage), count(cost_usd),
  sum(CASE WHEN json_valid(usage) THEN json_extract(usage, '$.inputTokens') END), sum(CASE WHEN json_valid(usage) THEN json_extract(usage, '$.outputTokens') END),
  sum(CASE WHEN json_valid(usage) THEN json_extract(usage, '$.cacheReadTokens') END), sum(CASE WHEN json_valid(usage) THEN json_extract(usage, '$.cacheWriteTokens') END),
  sum(CASE WHEN json_valid(usage) THEN json_extract(usage, '$.reasoningTokens') END), sum(cost_usd)
FROM runs WHERE queued_at >= :since AND run_id >= :first
  AND (:agent_id IS NULL OR agent_id = :agent_id)
GROUP BY 1 ORDER BY 1;

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
