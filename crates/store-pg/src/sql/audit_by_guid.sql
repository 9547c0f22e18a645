FROM unnest($2::text[]) AS wanted (guid)
CROSS JOIN LATERAL (
    SELECT x.position, x.guid, x.recorded_at, x.leaf_hash FROM veritrail.audit_index AS x
    WHERE x.tenant_id = $1::text AND x.guid = wanted.guid
    LIMIT 1
) AS i
CROSS JOIN LATERAL (
    SELECT * FROM veritrail.audit_log AS stored
    WHERE stored.tenant_id = $1::text AND stored.position = i.position AND stored.recorded_at = i.recorded_at
    LIMIT 1
) AS a
