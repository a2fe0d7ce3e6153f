-- name: insert_conversation
INSERT INTO conversations (conversation_id, agent_id, state, created_at, updated_at)
VALUES (:conversation_id, :agent_id, 'open', :now, :now);

-- name: state_of_conversation
SELECT state FROM conversations WHERE conversation_id = :conversation_id;

-- name: get_conversation
SELECT {ConversationRecord} FROM conversations WHERE conversation_id = :conversation_id;

-- name: current_conversation
SELECT conversation_id FROM conversations WHERE agent_id = :agent_id AND state = 'open'
ORDER BY conversation_id DESC LIMIT 1;

-- name: list_conversations
SELECT {ConversationRecord} FROM conversations WHERE agent_id = :agent_id AND conversation_id < :before
ORDER BY conversation_id DESC LIMIT :limit;

-- name: end_conversation
UPDATE conversations SET state = 'ended', updated_at = :now
WHERE conversation_id = :conversation_id AND state = 'open'
RETURNING conversation_id;

-- name: delete_conversation
DELETE FROM conversations WHERE conversation_id = :conversation_id
  AND NOT EXISTS (
    SELECT 1 FROM runs JOIN run_states ON run_states.name = runs.state
    WHERE runs.conversation_id = :conversation_id AND run_states.terminal = 0)
RETURNING conversation_id;

-- name: set_session
UPDATE conversations SET session_id = :session_id, session_at = :now, updated_at = :now
WHERE conversation_id = :conversation_id;

-- name: keep_session
UPDATE conversations SET
  session_at = CASE WHEN session_id = :session_id THEN session_at ELSE :now END,
  session_id = :session_id, updated_at = :now
WHERE conversation_id = :conversation_id;

-- name: mark_session
UPDATE conversations SET session_mark = :mark WHERE conversation_id = :conversation_id;

-- name: reserve_event_seqs
UPDATE conversations SET last_event_seq = last_event_seq + :count
WHERE conversation_id = :conversation_id
RETURNING last_event_seq;

-- name: reserve_turn_seq
UPDATE conversations SET last_turn_seq = last_turn_seq + 1, updated_at = :now
WHERE conversation_id = :conversation_id
RETURNING last_turn_seq;

-- name: insert_turn
INSERT INTO turns ({TurnRecord}, previous_seq) VALUES ({:TurnRecord}, :previous_seq);

-- name: list_turns
SELECT {TurnRecord} FROM turns WHERE conversation_id = :conversation_id AND seq > :after
ORDER BY seq LIMIT :limit;

-- name: get_turn
SELECT {TurnRecord} FROM turns WHERE turn_id = :turn_id;

-- name: turns_of_run
SELECT {TurnRecord} FROM turns WHERE run_id = :run_id ORDER BY seq;
