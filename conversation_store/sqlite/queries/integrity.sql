-- name: wrong_event_numbers
SELECT c.conversation_id, c.last_event_seq, count(e.seq), count(DISTINCT e.seq),
  coalesce(min(e.seq), 0), coalesce(max(e.seq), 0)
FROM conversations c LEFT JOIN events e ON e.conversation_id = c.conversation_id
GROUP BY c.conversation_id, c.last_event_seq
HAVING count(DISTINCT e.seq) <> c.last_event_seq OR count(e.seq) <> c.last_event_seq
  OR coalesce(max(e.seq), 0) <> c.last_event_seq;

-- name: wrong_turn_numbers
SELECT c.conversation_id, c.last_turn_seq, count(t.seq), count(DISTINCT t.seq),
  coalesce(min(t.seq), 0), coalesce(max(t.seq), 0)
FROM conversations c LEFT JOIN turns t ON t.conversation_id = c.conversation_id
GROUP BY c.conversation_id, c.last_turn_seq
HAVING count(DISTINCT t.seq) <> c.last_turn_seq OR count(t.seq) <> c.last_turn_seq
  OR coalesce(max(t.seq), 0) <> c.last_turn_seq;

-- name: conversations_without_agent
SELECT c.conversation_id, c.agent_id FROM conversations c
WHERE NOT EXISTS (SELECT 1 FROM agents a WHERE a.agent_id = c.agent_id);

-- name: runs_not_over
SELECT run_id, state, epoch
FROM runs WHERE finished_at IS NULL ORDER BY run_id;

-- name: run_states
SELECT agent_id, run_id, state FROM runs WHERE trigger = 'prompt' ORDER BY agent_id, run_id;

-- name: move_event_counter_up
UPDATE conversations SET last_event_seq = :seq
WHERE conversation_id = :conversation_id AND last_event_seq < :seq;

-- name: move_turn_counter_up
UPDATE conversations SET last_turn_seq = :seq
WHERE conversation_id = :conversation_id AND last_turn_seq < :seq;

-- name: note_maintenance
INSERT INTO maintenance (kind, finished_at, report) VALUES (:kind, :finished_at, :report)
ON CONFLICT (kind) DO UPDATE SET finished_at = excluded.finished_at, report = excluded.report;

-- name: last_maintenance
SELECT kind, report FROM maintenance;

-- name: check_search_index
INSERT INTO turn_search (turn_search, rank) VALUES ('integrity-check', 1);

-- name: rebuild_search_index
INSERT INTO turn_search (turn_search) VALUES ('rebuild');

-- name: count_unsearched_turns
SELECT count(*) FROM turns WHERE turn_id NOT IN (SELECT turn_id FROM searched_turns);

-- name: store_id
SELECT store_id FROM identity;
