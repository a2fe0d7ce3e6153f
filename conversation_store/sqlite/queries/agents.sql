-- name: insert_agent
INSERT INTO agents ({AgentRecord}) VALUES ({:AgentRecord})
ON CONFLICT (agent_id) DO UPDATE SET {AgentRecord=excluded}, deleted_at = NULL
WHERE agents.deleted_at IS NOT NULL
RETURNING {AgentRecord};

-- name: update_agent
UPDATE agents SET comm_mode = :comm_mode, options = :options, updated_at = :now
WHERE agent_id = :agent_id AND deleted_at IS NULL
RETURNING {AgentRecord};

-- name: delete_agent
UPDATE agents SET deleted_at = :now
WHERE agent_id = :agent_id AND deleted_at IS NULL
RETURNING agent_id;

-- name: get_agent
SELECT {AgentRecord} FROM agents
WHERE agent_id = :agent_id AND deleted_at IS NULL;

-- name: list_agents
SELECT {AgentRecord} FROM agents
WHERE deleted_at IS NULL ORDER BY agent_id;
