-- name: insert_agent
INSERT INTO agents (agent_id, type, comm_mode, options, created_at, updated_at)
VALUES (:agent_id, :type, :comm_mode, :options, :now, :now)
ON CONFLICT (agent_id) DO UPDATE SET
  type = excluded.type, comm_mode = excluded.comm_mode, options = excluded.options,
  created_at = excluded.created_at, updated_at = excluded.updated_at, deleted_at = NULL
WHERE agents.deleted_at IS NOT NULL
RETURNING agent_id, type, comm_mode, options, created_at, updated_at;

-- name: update_agent
UPDATE agents SET comm_mode = :comm_mode, options = :options, updated_at = :now
WHERE agent_id = :agent_id AND deleted_at IS NULL
RETURNING agent_id, type, comm_mode, options, created_at, updated_at;

-- name: delete_agent
UPDATE agents SET deleted_at = :now
WHERE agent_id = :agent_id AND deleted_at IS NULL
RETURNING agent_id;

-- name: get_agent
SELECT agent_id, type, comm_mode, options, created_at, updated_at FROM agents
WHERE agent_id = :agent_id AND deleted_at IS NULL;

-- name: list_agents
SELECT agent_id, type, comm_mode, options, created_at, updated_at FROM agents
WHERE deleted_at IS NULL ORDER BY agent_id;
