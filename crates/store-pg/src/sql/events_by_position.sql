FROM veritrail.events AS e
WHERE e.tenant_id = $1::text AND e.position <= $3::bigint AND e.position >= (
    SELECT f.position FROM veritrail.events AS f
    WHERE f.tenant_id = $1::text AND f.position >= $2::bigint
    ORDER BY f.position LIMIT 1
) AND e.position < $4::bigint + (
    SELECT f.position FROM veritrail.events AS f
    WHERE f.tenant_id = $1::text AND f.position >= $2::bigint
    ORDER BY f.position LIMIT 1
)
ORDER BY e.position
LIMIT $4::bigint
