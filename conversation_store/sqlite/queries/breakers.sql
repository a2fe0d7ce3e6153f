-- name: save_breaker
INSERT INTO breakers (scope, name, state, failures, openings, code, retry_at, changed_at)
VALUES (:scope, :name, :state, :failures, :openings, :code, :retry_at, :now)
ON CONFLICT (scope, name) DO UPDATE SET
  state = excluded.state, failures = excluded.failures, openings = excluded.openings,
  code = excluded.code, retry_at = excluded.retry_at, changed_at = excluded.changed_at;

-- name: list_breakers
SELECT scope, name, state, failures, openings, code, retry_at, changed_at FROM breakers
ORDER BY scope, name;
