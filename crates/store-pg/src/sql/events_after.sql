FROM veritrail.events AS e
WHERE e.tenant_id = $1::text AND e.position >= (
    SELECT f.position FROM veritrail.events AS f
    WHERE f.tenant_id = $1::text AND f.recorded_at > $2::timestamptz
    ORDER BY f.recorded_at LIMIT 1
) AND e.position < $3::bigint + (
    SELECT f.position FROM veritrail.events AS f
    WHERE f.tenant_id = $1::text AND f.recorded_at > $2::timestamptz
    ORDER BY f.recorded_at LIMIT 1
)
ORDER BY e.position
LIMIT $3::bigint
