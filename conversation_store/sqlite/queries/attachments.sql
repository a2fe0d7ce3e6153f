-- name: insert_attachment
INSERT INTO attachments ({AttachmentRecord}) VALUES ({:AttachmentRecord})
ON CONFLICT (attachment_id) DO UPDATE SET used_at = excluded.used_at
RETURNING {AttachmentRecord};

-- name: get_attachment
SELECT {AttachmentRecord} FROM attachments WHERE attachment_id = :attachment_id;

-- name: size_of_attachments
SELECT coalesce(sum(size), 0) FROM attachments;

-- name: use_attachment
UPDATE attachments SET used_at = :now WHERE attachment_id = :attachment_id
RETURNING attachment_id;

-- name: insert_turn_attachment
INSERT INTO turn_attachments (turn_id, position, attachment_id, name)
VALUES (:turn_id, :position, :attachment_id, :name);

-- name: attachments_of_turns
SELECT turn_attachments.turn_id, turn_attachments.attachment_id, turn_attachments.name,
  attachments.media_type, attachments.size
FROM turns JOIN turn_attachments USING (turn_id) JOIN attachments USING (attachment_id)
WHERE turns.conversation_id = :conversation_id AND turns.seq BETWEEN :first AND :last
ORDER BY turns.seq, turn_attachments.position;

-- name: attachments_of_turn
SELECT turn_attachments.turn_id, turn_attachments.attachment_id, turn_attachments.name,
  attachments.media_type, attachments.size
FROM turn_attachments JOIN attachments USING (attachment_id)
WHERE turn_attachments.turn_id = :turn_id ORDER BY turn_attachments.position;

-- name: attachments_of_conversation
SELECT {AttachmentRecord} FROM attachments WHERE attachment_id IN (
  SELECT attachment_id FROM turns JOIN turn_attachments USING (turn_id)
  WHERE turns.conversation_id = :conversation_id);

-- name: unused_attachments
SELECT {AttachmentRecord} FROM attachments
WHERE used_at < :before AND attachment_id NOT IN (SELECT attachment_id FROM turn_attachments);

-- name: delete_attachment
DELETE FROM attachments WHERE attachment_id = :attachment_id AND used_at < :before
  AND attachment_id NOT IN (SELECT attachment_id FROM turn_attachments)
RETURNING attachment_id;
