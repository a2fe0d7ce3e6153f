-- name: insert_event
INSERT INTO events (conversation_id, seq, run_id, type, time, payload, size)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: insert_large_event
INSERT INTO events (conversation_id, seq, run_id, type, time, payload, size)
VALUES (:conversation_id, :seq, :run_id, :type, :time, zeroblob(:size), :size)
RETURNING rowid;

-- name: events_after
SELECT {StoredEvent} FROM events
WHERE conversation_id = :conversation_id AND seq > :after AND seq <= :until
ORDER BY seq LIMIT :limit;

-- name: event_sizes_after
SELECT seq, size FROM events
WHERE conversation_id = :conversation_id AND seq > :after AND seq <= :until
ORDER BY seq LIMIT :limit;

-- name: run_events_after
SELECT {StoredEvent} FROM events
WHERE run_id = :run_id AND seq > :after AND seq <= :until
ORDER BY seq LIMIT :limit;

-- name: run_event_sizes_after
SELECT seq, size FROM events
WHERE run_id = :run_id AND seq > :after AND seq <= :until
ORDER BY seq LIMIT :limit;

-- name: event_rowid
SELECT rowid FROM events WHERE conversation_id = :conversation_id AND seq = :seq;
