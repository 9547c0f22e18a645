SELECT wanted.instant
FROM unnest($2::timestamptz[]) AS wanted (instant)
CROSS JOIN LATERAL (
    SELECT e.position FROM veritrail.events AS e
    WHERE e.tenant_id = $1::text AND e."timestamp" = wanted.instant AND e.position < $3::bigint
    LIMIT 1
) AS earlier
