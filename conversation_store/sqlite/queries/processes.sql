-- name: insert_process
INSERT INTO processes ({ProcessRecord}) VALUES ({:ProcessRecord});

-- name: delete_process
DELETE FROM processes WHERE process_id = :process_id;

-- name: note_background
UPDATE processes SET background = :background WHERE process_id = :process_id;

-- name: list_processes
SELECT {ProcessRecord} FROM processes ORDER BY started_at, process_id;
