FROM (
    SELECT * FROM veritrail.audit_log AS stored
    WHERE stored.tenant_id = $1::text AND stored.entity_guid = $2::text AND stored.recorded_at < $3::timestamptz
    ORDER BY stored.recorded_at DESC
    LIMIT $4::bigint
) AS a
LEFT JOIN LATERAL (
    SELECT x.leaf_hash, x.guid, x.recorded_at FROM veritrail.audit_index AS x
    WHERE x.tenant_id = $1::text AND x.position = a.position
    LIMIT 1
) AS i ON true
ORDER BY a.recorded_at DESC
