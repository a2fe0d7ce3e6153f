-- name: save_breaker
INSERT INTO breakers ({BreakerRecord}) VALUES ({:BreakerRecord})
ON CONFLICT (scope, name) DO UPDATE SET {BreakerRecord=excluded};

-- name: list_breakers
SELECT {BreakerRecord} FROM breakers ORDER BY scope, name;
