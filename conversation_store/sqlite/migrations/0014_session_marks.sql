-- How far the file of a conversation's CLI session is known: what comes after it by another's hand
-- is imported. A session from before is known as far as its file goes when it is next looked at.
ALTER TABLE conversations ADD COLUMN session_mark TEXT;
UPDATE conversations SET session_mark = '{}' WHERE session_id IS NOT NULL;
