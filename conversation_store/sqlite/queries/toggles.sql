-- name: set_toggle
INSERT INTO toggles ({ToggleRecord}) VALUES ({:ToggleRecord})
ON CONFLICT (scope, name) DO UPDATE SET {ToggleRecord=excluded}
WHERE toggles.automatic = 1 OR excluded.automatic = 0
RETURNING scope;

-- name: clear_toggle
DELETE FROM toggles
WHERE scope = :scope AND name = :name AND since = coalesce(:since, since)
RETURNING {ToggleRecord};

-- name: list_toggles
SELECT {ToggleRecord} FROM toggles ORDER BY scope, name;

-- name: insert_toggle_event
INSERT INTO toggle_events (scope, name, type, time, payload)
VALUES (:scope, :name, :type, :time, :payload)
RETURNING seq;

-- name: toggle_events_after
SELECT {ToggleEventRecord} FROM toggle_events
WHERE seq > :after ORDER BY seq LIMIT :limit;

-- name: toggle_events_before
SELECT {ToggleEventRecord} FROM toggle_events
WHERE seq < coalesce(:before, seq + 1)
  AND scope = coalesce(:scope, scope) AND name = coalesce(:name, name)
ORDER BY seq DESC LIMIT :limit;

-- name: last_toggle_event
SELECT coalesce(max(seq), 0) FROM toggle_events;
