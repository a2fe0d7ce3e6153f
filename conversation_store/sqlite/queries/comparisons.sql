-- name: insert_comparison
INSERT INTO comparisons ({NewComparison}, state, isolation, finished_at)
VALUES ({:NewComparison}, :state, :isolation, :finished_at);

-- name: finish_comparison
UPDATE comparisons SET {ComparisonResult=}, state = :state, finished_at = :finished_at
WHERE comparison_id = :comparison_id AND state = 'running'
RETURNING comparison_id;

-- name: skip_running_comparisons
UPDATE comparisons SET state = 'skipped', skipped_because = :because, finished_at = :now
WHERE state = 'running'
RETURNING comparison_id;

-- name: get_comparison
SELECT {ComparisonRecord}, primary_body, mirror_body FROM comparisons WHERE comparison_id = :comparison_id;

-- name: list_comparisons
SELECT {ComparisonRecord} FROM comparisons
WHERE created_at >= :since AND created_at < :until
  AND comparison_id < coalesce(:before, '~')
  AND agent_id = coalesce(:agent_id, agent_id)
  AND agent_type = coalesce(:agent_type, agent_type)
  AND (:first IS NULL OR verdict IN (:first, :second, :third))
ORDER BY comparison_id DESC LIMIT :limit;

-- name: mirror_history
SELECT mirror_session FROM comparisons
WHERE conversation_id = :conversation_id AND kind = :kind AND state = 'done'
  AND mirror_session IS NOT NULL
ORDER BY comparison_id DESC LIMIT 1;

-- name: shadowed_turns
SELECT count(*) FROM comparisons
WHERE conversation_id = :conversation_id AND kind = :kind AND state = 'done'
  AND mirror_session IS NOT NULL;

-- name: empty_old_comparisons
UPDATE comparisons SET primary_body = NULL, mirror_body = NULL
WHERE comparison_id IN (
  SELECT comparison_id FROM comparisons
  WHERE created_at < :before AND (primary_body IS NOT NULL OR mirror_body IS NOT NULL)
  LIMIT :limit)
RETURNING comparison_id;
