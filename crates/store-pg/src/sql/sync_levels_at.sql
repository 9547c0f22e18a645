SELECT reached.position, reached.level
FROM unnest($3::bigint[]) AS wanted (position)
CROSS JOIN LATERAL (
    SELECT s.position, s.level FROM veritrail.sync_levels AS s
    WHERE s.tenant_id = $1::text AND s.log = $2::text AND s.position = wanted.position
    LIMIT 1
) AS reached
