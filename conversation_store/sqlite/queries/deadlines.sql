-- name: move_approvals
UPDATE approvals SET
  expires_at = coalesce(strftime('%Y-%m-%dT%H:%M:%fZ', expires_at, :by), expires_at),
  warn_at = coalesce(strftime('%Y-%m-%dT%H:%M:%fZ', warn_at, :by), warn_at),
  extended_ms = extended_ms + :by_ms
WHERE state = 'pending'
RETURNING approval_id;

-- name: move_tickets
UPDATE tickets SET
  expires_at = coalesce(strftime('%Y-%m-%dT%H:%M:%fZ', expires_at, :by), expires_at)
WHERE replied_at IS NULL AND expires_at > :now
RETURNING ticket_id;

-- name: move_toggles
UPDATE toggles SET
  expires_at = coalesce(strftime('%Y-%m-%dT%H:%M:%fZ', expires_at, :by), expires_at)
WHERE expires_at > :now
RETURNING scope;

-- name: bound_approvals
UPDATE approvals SET
  expires_at = min(expires_at, :latest), warn_at = min(warn_at, :latest)
WHERE state = 'pending' AND expires_at > :latest
RETURNING approval_id;
