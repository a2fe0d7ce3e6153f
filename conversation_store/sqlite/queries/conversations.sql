-- name: insert_conversation
INSERT INTO conversations (conversation_id, agent_id, state, created_at, updated_at, title)
VALUES (:conversation_id, :agent_id, 'open', :now, :now, :title);

-- name: create_conversation
INSERT INTO conversations ({ConversationRecord}) SELECT {:ConversationRecord}
WHERE EXISTS (SELECT 1 FROM agents WHERE agent_id = :agent_id AND deleted_at IS NULL)
RETURNING conversation_id;

-- name: change_conversation
UPDATE conversations SET title = :title, archived = :archived, metadata = :metadata
WHERE conversation_id = :conversation_id
RETURNING {ConversationRecord};

-- name: title_conversation
UPDATE conversations SET title = :title WHERE conversation_id = :conversation_id AND title IS NULL;

-- name: state_of_conversation
SELECT state FROM conversations WHERE conversation_id = :conversation_id;

-- name: get_conversation
SELECT {ConversationRecord} FROM conversations WHERE conversation_id = :conversation_id;

-- name: current_conversation
SELECT conversation_id FROM conversations WHERE agent_id = :agent_id AND state = 'open'
ORDER BY conversation_id DESC LIMIT 1;

-- name: list_conversations
SELECT {ConversationRecord},
  (SELECT count(*) FROM runs WHERE runs.conversation_id = conversations.conversation_id)
FROM conversations WHERE conversation_id < :before
  AND (:archived IS NULL OR archived = :archived)
ORDER BY conversation_id DESC LIMIT :limit;

-- name: list_conversations_of_agent
SELECT {ConversationRecord},
  (SELECT count(*) FROM runs WHERE runs.conversation_id = conversations.conversation_id)
FROM conversations WHERE agent_id = :agent_id AND conversation_id < :before
  AND (:archived IS NULL OR archived = :archived)
ORDER BY conversation_id DESC LIMIT :limit;

-- name: last_turn
SELECT turn_id, role, substr(content, 1, :length), created_at FROM turns
WHERE conversation_id = :conversation_id AND seq = :seq;

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
RETURNING last_turn_seq, agent_id;

-- name: insert_turn
INSERT INTO turns ({TurnRecord}, previous_seq) VALUES ({:TurnRecord}, :previous_seq);

-- name: list_turns
SELECT {TurnRecord} FROM turns WHERE conversation_id = :conversation_id AND seq > :after
ORDER BY seq LIMIT :limit;

-- name: list_turns_before
SELECT {TurnRecord} FROM turns WHERE conversation_id = :conversation_id AND seq < :before
ORDER BY seq DESC LIMIT :limit;

-- name: insert_searched_turn
INSERT INTO searched_turns (turn_id, scope, content, created_at)
VALUES (:turn_id, :scope, :content, :created_at);

-- name: change_turn
UPDATE turns SET content = :content WHERE turn_id = :turn_id;

-- name: change_searched_turn
UPDATE searched_turns SET content = :content WHERE turn_id = :turn_id;

-- name: search_turns
SELECT searched_turns.id, snippet(turn_search, 0, char(2), char(3), '…', 24), turns.turn_id,
  turns.conversation_id, conversations.agent_id, conversations.title, conversations.archived,
  turns.role, turns.seq, turns.created_at
FROM turn_search
  JOIN searched_turns ON searched_turns.id = turn_search.rowid
  JOIN turns USING (turn_id)
  JOIN conversations USING (conversation_id)
WHERE turn_search MATCH :match
  AND turn_search.rowid < :before
  AND turn_search.rowid >= coalesce((SELECT id FROM searched_turns
    WHERE created_at >= :since_about ORDER BY created_at LIMIT 1), :none)
  AND searched_turns.created_at >= :since AND searched_turns.created_at < :until
ORDER BY turn_search.rowid DESC LIMIT :limit;

-- name: unsearched_turns
SELECT turns.turn_id, conversations.agent_id, turns.conversation_id, turns.content,
  turns.created_at
FROM turns JOIN conversations USING (conversation_id)
WHERE turns.turn_id NOT IN (SELECT turn_id FROM searched_turns)
ORDER BY turns.created_at, turns.turn_id LIMIT :limit;

-- name: get_turn
SELECT {TurnRecord} FROM turns WHERE turn_id = :turn_id;

-- name: turns_of_run
SELECT {TurnRecord} FROM turns WHERE run_id = :run_id ORDER BY seq;
