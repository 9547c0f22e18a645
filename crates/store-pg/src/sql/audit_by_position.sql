FROM (
    SELECT * FROM veritrail.audit_log AS stored
    WHERE stored.tenant_id = $1::text AND stored.position >= $2::bigint AND stored.position <= $3::bigint
    ORDER BY stored.position, stored.recorded_at
    LIMIT $4::bigint
) AS a
LEFT JOIN LATERAL (
    SELECT x.leaf_hash, x.guid, x.recorded_at FROM veritrail.audit_index AS x
    WHERE x.tenant_id = $1::text AND x.position = a.position
    LIMIT 1
) AS i ON true
ORDER BY a.position, a.recorded_at
