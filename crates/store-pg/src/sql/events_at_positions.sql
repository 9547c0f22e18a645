FROM unnest($2::bigint[]) AS wanted (position)
CROSS JOIN LATERAL (
    SELECT * FROM veritrail.events AS stored
    WHERE stored.tenant_id = $1::text AND stored.position = wanted.position
    LIMIT 1
) AS e
ORDER BY e.position
