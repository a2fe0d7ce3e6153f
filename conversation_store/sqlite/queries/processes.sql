-- name: insert_process
INSERT INTO processes (process_id, run_id, conversation_id, agent_id, pid, start_ticks,
  boot_id, started_at)
VALUES (:process_id, :run_id, :conversation_id, :agent_id, :pid, :start_ticks, :boot_id, :now);

-- name: delete_process
DELETE FROM processes WHERE process_id = :process_id;

-- name: note_background
UPDATE processes SET background = :background WHERE process_id = :process_id;

-- name: list_processes
SELECT process_id, run_id, conversation_id, agent_id, pid, start_ticks, boot_id, started_at,
  background
FROM processes ORDER BY started_at, process_id;
