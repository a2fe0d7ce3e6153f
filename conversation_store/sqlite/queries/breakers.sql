-- name: save_breaker
INSERT INTO breakers ({CircuitRecord}) VALUES ({:CircuitRecord})
ON CONFLICT (scope, name) DO UPDATE SET {CircuitRecord=excluded};

-- name: list_breakers
SELECT {CircuitRecord} FROM breakers ORDER BY scope, name;
