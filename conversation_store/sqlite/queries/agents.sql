-- name: insert_agent
INSERT INTO agents ({AgentRecord}) VALUES ({:AgentRecord})
ON CONFLICT (agent_id) DO UPDATE SET {AgentRecord=excluded}, deleted_at = NULL
WHERE agents.deleted_at IS NOT NULL
RETURNING {AgentRecord};

-- name: update_agent
UPDATE agents SET comm_mode = :comm_mode, options = :options, updated_at = :now,
  name = CASE WHEN :about THEN :name ELSE name END,
  description = CASE WHEN :about THEN :description ELSE description END,
  metadata = CASE WHEN :about THEN :metadata ELSE metadata END
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

-- name: activity_of_agents
SELECT agent_id,
  (SELECT count(*) FROM approvals
   WHERE approvals.agent_id = agents.agent_id AND approvals.state = 'pending'),
  (SELECT max(updated_at) FROM conversations WHERE conversations.agent_id = agents.agent_id)
FROM agents WHERE deleted_at IS NULL;
