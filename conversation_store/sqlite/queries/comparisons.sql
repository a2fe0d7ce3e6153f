-- name: insert_comparison
INSERT INTO comparisons (comparison_id, conversation_id, run_id, agent_id, agent_type, kind,
  primary_mode, mirror_mode, state, skipped_because, isolation, created_at, finished_at)
VALUES (:comparison_id, :conversation_id, :run_id, :agent_id, :agent_type, :kind,
  :primary_mode, :mirror_mode, :state, :skipped_because, :isolation, :created_at, :finished_at);

-- name: finish_comparison
UPDATE comparisons SET
  state = :state, skipped_because = :skipped_because, verdict = :verdict,
  similarity = :similarity, reasons = :reasons, notes = :notes, isolation = :isolation,
  primary_figures = :primary_figures, mirror_figures = :mirror_figures,
  primary_body = :primary_body, mirror_body = :mirror_body,
  mirror_session = :mirror_session, finished_at = :finished_at
WHERE comparison_id = :comparison_id AND state = 'running'
RETURNING comparison_id;

-- name: skip_running_comparisons
UPDATE comparisons SET state = 'skipped', skipped_because = :because, finished_at = :now
WHERE state = 'running'
RETURNING comparison_id;

-- name: get_comparison
SELECT comparison_id, conversation_id, run_id, agent_id, agent_type, kind, primary_mode,
  mirror_mode, state, skipped_because, verdict, similarity, reasons, notes, isolation,
  primary_figures, mirror_figures, mirror_session, created_at, finished_at,
  primary_body, mirror_body
FROM comparisons WHERE comparison_id = :comparison_id;

-- name: list_comparisons
SELECT comparison_id, conversation_id, run_id, agent_id, agent_type, kind, primary_mode,
  mirror_mode, state, skipped_because, verdict, similarity, reasons, notes, isolation,
  primary_figures, mirror_figures, mirror_session, created_at, finished_at
FROM comparisons
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
