-- What a chat shows of agents and conversations, the files of prompts, settings of one prompt, and
-- a full-text index of all turns.
ALTER TABLE agents ADD COLUMN name TEXT;
ALTER TABLE agents ADD COLUMN description TEXT;
ALTER TABLE agents ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}';

ALTER TABLE conversations ADD COLUMN title TEXT;
ALTER TABLE conversations ADD COLUMN archived INTEGER NOT NULL DEFAULT 0 CHECK (archived IN (0, 1));
ALTER TABLE conversations ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}';
ALTER TABLE conversations ADD COLUMN forked_from TEXT;
ALTER TABLE conversations ADD COLUMN forked_seq INTEGER;
ALTER TABLE conversations ADD COLUMN fork_session TEXT;
ALTER TABLE conversations ADD COLUMN fork_message TEXT;
CREATE INDEX conversations_by_activity ON conversations (agent_id, updated_at);

-- Browsers that have logged in: hashes of what their cookies hold.
CREATE TABLE logins (
  login_hash TEXT NOT NULL PRIMARY KEY,
  expires_at TEXT NOT NULL
);

-- By which a cursor of a stream knows that it is of this database.
CREATE TABLE identity (store_id TEXT NOT NULL);
INSERT INTO identity (store_id) VALUES (lower(hex(randomblob(8))));

-- `queue_rank` orders the runs that wait: at first by their ids.
ALTER TABLE runs ADD COLUMN model TEXT;
ALTER TABLE runs ADD COLUMN steered_into TEXT;
ALTER TABLE runs ADD COLUMN overrides TEXT NOT NULL DEFAULT '{}';
ALTER TABLE runs ADD COLUMN queue_rank TEXT;
ALTER TABLE runs ADD COLUMN tree TEXT;

CREATE TABLE attachments (
  attachment_id TEXT NOT NULL PRIMARY KEY,
  sha256 TEXT NOT NULL UNIQUE,
  media_type TEXT NOT NULL,
  size INTEGER NOT NULL,
  created_at TEXT NOT NULL,
  used_at TEXT NOT NULL
);

CREATE TABLE turn_attachments (
  turn_id TEXT NOT NULL REFERENCES turns (turn_id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  attachment_id TEXT NOT NULL REFERENCES attachments (attachment_id),
  name TEXT NOT NULL,
  PRIMARY KEY (turn_id, position)
);
CREATE INDEX turn_attachments_by_attachment ON turn_attachments (attachment_id);

-- The texts of turns as they are searched. `scope` is the agent and the conversation as words.
CREATE TABLE searched_turns (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  turn_id TEXT NOT NULL UNIQUE REFERENCES turns (turn_id) ON DELETE CASCADE,
  scope TEXT NOT NULL,
  content TEXT NOT NULL,
  created_at TEXT NOT NULL
);
CREATE INDEX searched_turns_by_time ON searched_turns (created_at);
CREATE VIRTUAL TABLE turn_search USING fts5 (
  content, scope, content = 'searched_turns', content_rowid = 'id',
  tokenize = 'unicode61 remove_diacritics 2', prefix = '3 4', detail = 'full'
);
CREATE TRIGGER searched_turns_in AFTER INSERT ON searched_turns BEGIN
  INSERT INTO turn_search (rowid, content, scope) VALUES (new.id, new.content, new.scope);
END;
CREATE TRIGGER searched_turns_out AFTER DELETE ON searched_turns BEGIN
  INSERT INTO turn_search (turn_search, rowid, content, scope)
  VALUES ('delete', old.id, old.content, old.scope);
END;
CREATE TRIGGER searched_turns_changed AFTER UPDATE ON searched_turns BEGIN
  INSERT INTO turn_search (turn_search, rowid, content, scope)
  VALUES ('delete', old.id, old.content, old.scope);
  INSERT INTO turn_search (rowid, content, scope) VALUES (new.id, new.content, new.scope);
END;
INSERT INTO searched_turns (turn_id, scope, content, created_at)
SELECT turns.turn_id, search_scope(conversations.agent_id, turns.conversation_id),
  search_text(turns.content), turns.created_at
FROM turns JOIN conversations USING (conversation_id) ORDER BY turns.created_at, turns.turn_id;
