-- name: insert_ticket
INSERT INTO tickets ({TicketRecord}, idempotency_key)
VALUES ({:TicketRecord}, :idempotency_key)
ON CONFLICT (agent_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
RETURNING ticket_id;

-- name: reply_to_ticket
UPDATE tickets SET reply = :reply, reply_metadata = :metadata, replied_by = :replied_by,
  replied_at = :now
WHERE ticket_id = :ticket_id AND replied_at IS NULL AND expires_at > :now
RETURNING ticket_id;

-- name: get_ticket
SELECT {TicketRecord} FROM tickets
WHERE ticket_id = :ticket_id;

-- name: ticket_by_key
SELECT {TicketRecord} FROM tickets
WHERE agent_id = :agent_id AND idempotency_key = :idempotency_key;

-- name: pending_tickets
SELECT {TicketRecord} FROM tickets
WHERE agent_id = :agent_id AND replied_at IS NULL AND expires_at > :now
  AND ticket_id > coalesce(:after, '')
ORDER BY ticket_id LIMIT :limit;

-- name: delete_old_tickets
DELETE FROM tickets
WHERE ticket_id IN (
  SELECT ticket_id FROM tickets WHERE coalesce(replied_at, expires_at) < :before LIMIT :limit)
RETURNING ticket_id;
