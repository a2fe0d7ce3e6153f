-- name: set_toggle
INSERT INTO toggles
  (scope, name, mode, automatic, reason, set_by, via, since, expires_at, evidence)
VALUES
  (:scope, :name, :mode, :automatic, :reason, :set_by, :via, :since, :expires_at, :evidence)
ON CONFLICT (scope, name) DO UPDATE SET
  mode = excluded.mode, automatic = excluded.automatic, reason = excluded.reason,
  set_by = excluded.set_by, via = excluded.via, since = excluded.since,
  expires_at = excluded.expires_at, evidence = excluded.evidence
WHERE toggles.automatic = 1 OR excluded.automatic = 0
RETURNING scope;

-- name: clear_toggle
DELETE FROM toggles
WHERE scope = :scope AND name = :name AND since = coalesce(:since, since)
RETURNING scope, name, mode, automatic, reason, set_by, via, since, expires_at, evidence;

-- name: list_toggles
SELECT scope, name, mode, automatic, reason, set_by, via, since, expires_at, evidence
FROM toggles ORDER BY scope, name;

-- name: insert_toggle_event
INSERT INTO toggle_events (scope, name, type, time, payload)
VALUES (:scope, :name, :type, :time, :payload)
RETURNING seq;

-- name: toggle_events_after
SELECT seq, scope, name, type, time, payload FROM toggle_events
WHERE seq > :after ORDER BY seq LIMIT :limit;

-- name: toggle_events_before
SELECT seq, scope, name, type, time, payload FROM toggle_events
WHERE seq < coalesce(:before, seq + 1)
  AND scope = coalesce(:scope, scope) AND name = coalesce(:name, name)
ORDER BY seq DESC LIMIT :limit;

-- name: last_toggle_event
SELECT coalesce(max(seq), 0) FROM toggle_events;
