-- name: take_lease
INSERT INTO lease (id, owner, boot_id, epoch, since) VALUES (1, :owner, :boot_id, 1, :since)
ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, boot_id = excluded.boot_id,
  epoch = lease.epoch + 1, since = excluded.since
RETURNING epoch;

-- name: get_lease
SELECT owner, boot_id, epoch, since FROM lease WHERE id = 1;

-- name: prove_epoch
SELECT 1 FROM lease WHERE id = 1 AND epoch = ?;

-- name: probe
UPDATE run_states SET terminal = terminal;
